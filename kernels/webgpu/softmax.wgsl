{#- A workgroup for each row of n: f0 is the larger of two, f1 the exponential of a difference, f2 the logarithm. -#}
{%- import "macros.wgsl" as m -%}
var<workgroup> partial: array<f32, {{ group }}>;
{% macro fold(text) %}
  for (var half = {{ group // 2 }}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { partial[lane] = {{ text }}; }
  }
  workgroupBarrier();
{% endmacro %}
{{ m.entry(group) }}
  let i = wg.y * groups.x + wg.x;
  let row = min(i, s.count - 1u) * s.n;
  var largest = -bitcast<f32>(inf_bits);
  for (var k = lane; k < s.n + none; k += {{ group }}u) { largest = f0(largest, a[row + k]); }
  partial[lane] = largest;
  {{ fold("f0(partial[lane], partial[lane + half])") }}
  largest = partial[0];
  workgroupBarrier();
  var sum = 0.0;
  for (var k = lane; k < s.n + none; k += {{ group }}u) { sum += f1(a[row + k], largest); }
  partial[lane] = sum;
  {{ fold("partial[lane] + partial[lane + half]") }}
  sum = {{ "f2(partial[0])" if logarithm else "partial[0]" }};
  if (i < s.count) {
    for (var k = lane; k < s.n + none; k += {{ group }}u) {
      c[row + k] = {{ "a[row + k] - largest - sum" if logarithm else "f1(a[row + k], largest) / sum" }};
    }
  }
}
