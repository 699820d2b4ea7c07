{#- c[batch][m][n] = sum over k of a[m][k] * w[k][n], an invocation for each: of integers, and of no terms at all. -#}
{%- import "macros.wgsl" as m -%}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
  let column = i % s.n;
  let row = i / s.n % s.m;
  let batch = i / (s.m * s.n);
  let from_a = batch * s.a_batch + row * s.a_row;
  let from_w = batch * s.w_batch + column * s.w_column;
  var sum = {{ number }}();
  for (var k = 0u; k < s.k + none; k++) { sum += a[from_a + k * s.a_k] * w[from_w + k * s.w_k]; }
  c[i] = f0(sum{% for kind in kinds %}, {{ m.operand(loop.index0, kind, "i", "column", lanes) }}{% endfor %});
}
