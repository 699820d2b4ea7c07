{#- A chain of elementwise ops. With ``dims`` an invocation finds its element by coordinates, else by its index. -#}
{%- import "macros.wgsl" as m -%}
{{ m.entry(group) }}
  let i = (wg.y * groups.x + wg.x) * {{ group }}u + lane;
  if (i >= s.count) { return; }
{% if dims %}
  var rest = i;
{% for d in range(dims - 1, -1, -1) %}
  let at{{ d }} = rest % s.d{{ d }};
  rest /= s.d{{ d }};
{% endfor %}
{% endif %}
{% for kind in kinds %}
{% set j = loop.index0 %}
{% if dims %}
  let r{{ j }} = x{{ j }}[{% for d in range(dims) %}{{ " + " if d }}at{{ d }} * s.s{{ j }}_{{ d }}{% endfor %}];
{% elif kind == "scalar" %}
  let r{{ j }} = {{ {"float32": "F", "int32": "I", "bool": "U"}[dtypes[j]] }}(x{{ j }}[0]{{ ".x" if lanes > 1 }});
{% else %}
  let r{{ j }} = x{{ j }}[i{{ " % s.columns" if kind == "channel" }}];
{% endif %}
{% endfor %}
  let result = f0(
{%- for dtype in dtypes %}{{ ", " if loop.index0 }}r{{ loop.index0 }}{{ " != U(0u)" if dtype == "bool" }}{% endfor %});
  c[i] = {{ "select(U(0u), U(1u), result)" if boolean else "result" }};
}
