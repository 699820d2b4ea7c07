{#- c[m][n] = sum over k of a[m][k] * w[k][n], for each matrix of a batch (z).

An invocation holds ``rows`` rows of ``columns`` vectors. The invocations of a workgroup are neighbours along the rows
and read the same weights; with ``few`` rows they are neighbours along the columns and read the same rows. Workgroups
that follow each other compute the same rows, so that whole lines of the output are written together. -#}
{%- import "macros.wgsl" as m -%}
{{ m.entry(group) }}
{% if few %}
  let column = wg.x * {{ group }}u + lane;
  let shown = min(column, s.n4 - 1u);
{% else %}
  let first = wg.y * {{ group * rows }}u + lane;
{% endif %}
{% for i in range(rows) %}
  let a{{ i }} = wg.z * s.a_batch + {{ i ~ "u" if few else "min(first + " ~ i * group ~ "u, s.m - 1u)" }} * s.k4;
{% for j in range(columns) %}
  var sum{{ i }}_{{ j }} = F();
{% endfor %}
{% endfor %}
  var at_w = wg.z * s.w_batch + {{ "shown" if few else "wg.x * s.w_panel" }};
  for (var k = 0u; k < s.k4; k++) {
{% for i in range(rows) %}
    let x{{ i }} = a[a{{ i }} + k];
{% endfor %}
{% for part in "xyzw" %}
{% for j in range(columns) %}
    { let y = w[at_w + {{ j }}u];
{% for i in range(rows) %}
      sum{{ i }}_{{ j }} += x{{ i }}.{{ part }} * y;
{% endfor %}
    }
{% endfor %}
    at_w += s.w_k;
{% endfor %}
  }
{% for i in range(rows) %}
  {% set row = i ~ "u" if few else "first + " ~ i * group ~ "u" %}
  {% if few or not exact %}if ({{ "column < s.n4" if few else row ~ " < s.m" }}){% endif %} {
{% for j in range(columns) %}
    {{ m.store("sum" ~ i ~ "_" ~ j, "wg.z * s.m + " ~ row, "column" if few else "(wg.x * " ~ columns ~ "u + " ~ j ~ "u)", kinds, whole) }}
{% endfor %}
  }
{% endfor %}
}
