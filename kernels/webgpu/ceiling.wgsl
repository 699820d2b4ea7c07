{#- Loops that do nothing but what has a ceiling, ``rounds`` times. flops: ``sums`` vectors stay in registers; fused, each
becomes value * x + y, else every other one is multiplied by x and the rest have y added. sum reads vectors of ``a``, and
copy writes them to ``c`` as well: a workgroup goes over ``steps`` times its size, then over what its neighbour went over,
and so on. What was computed is stored, so that it must be computed. -#}
{%- import "macros.wgsl" as m -%}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
{% if work == "flops" %}
  let x = a[0];
  let y = a[1];
{% for v in range(sums) %}
  var sum{{ v }} = F(f32(i + {{ v }}u));
{% endfor %}
  for (var round = 0u; round < s.rounds + none; round++) {
{% for u in range(unroll) %}
{% for v in range(sums) %}
{% if fused %}
    sum{{ v }} = fma(sum{{ v }}, x, y);
{% elif v % 2 %}
    sum{{ v }} = sum{{ v }} * x;
{% else %}
    sum{{ v }} = sum{{ v }} + y;
{% endif %}
{% endfor %}
{% endfor %}
  }
{% else %}
{% for v in range(unroll) %}
  var sum{{ v }} = F();
{% endfor %}
  for (var round = 0u; round < s.rounds + none; round++) {
    let step = round * {{ unroll }}u;
    let block = wg.y * groups.x + wg.x + step / s.steps;
    let at = (block * s.steps + step % s.steps) * {{ group }}u + lane;
{% for v in range(unroll) %}
{% if work == "sum" %}
    sum{{ v }} += a[(at + {{ v * group }}u) & s.mask];
{% else %}
    c[(at + {{ v * group }}u) & s.mask] = a[(at + {{ v * group }}u) & s.mask];
{% endif %}
{% endfor %}
  }
{% endif %}
{% if work != "copy" %}
  c[i & s.last] = sum0{% for v in range(1, sums if work == "flops" else unroll) %} + sum{{ v }}{% endfor %};
{% endif %}
}
