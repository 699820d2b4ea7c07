{#- What several sources share. -#}

{#- Index of this invocation in a dispatch that was folded into two dimensions. -#}
{%- macro entry(group, broadcast=false) -%}
@compute @workgroup_size({{ group }})
fn main(
  @builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,{{ " @builtin(subgroup_invocation_id) place: u32," if broadcast }}
) {
  // Always 0. A loop whose limit is a uniform alone is compiled anew for each of its values by Mesa's lavapipe, and
  // looked up again in each dispatch.
  let none = wg.z >> 16u;
{%- endmacro -%}

{#- An operand of an epilogue; ``at`` is the index of the output element or vector, ``channel`` along the last axis. -#}
{%- macro operand(i, kind, at, channel, lanes) -%}
{%- if kind == "scalar" -%} F(e{{ i }}[0]{{ ".x" if lanes > 1 }})
{%- elif kind == "channel" -%} e{{ i }}[{{ channel }}]
{%- else -%} e{{ i }}[{{ at }}]
{%- endif -%}
{%- endmacro -%}

{#- The same as a vector, where rows are no whole vectors: ``row`` is the first element of the row. -#}
{%- macro ragged(i, kind, row, channel) -%}
{%- if kind == "scalar" -%} F(e{{ i }}[0])
{%- elif kind == "padded" -%} e{{ i }}[{{ channel }}]
{%- else -%} F(
{%- for q in range(4) -%}
e{{ i }}[{{ row ~ " + " if kind == "full" }}min(4u * {{ channel }} + {{ q }}u, s.n - 1u)]{{ ", " if q < 3 }}
{%- endfor -%} )
{%- endif -%}
{%- endmacro -%}

{#- Finish the vector ``sums`` of column vector ``column`` in row ``row`` of the output, and store it. -#}
{%- macro store(sums, row, column, kinds, whole) -%}
{%- if whole %}
{ let at = ({{ row }}) * s.n4 + {{ column }};
  c[at] = f0({{ sums }}{% for kind in kinds %}, {{ operand(loop.index0, kind, "at", column, 4) }}{% endfor %}); }
{% else %}
{ let at = ({{ row }}) * s.n;
  let result = f0({{ sums }}{% for kind in kinds %}, {{ ragged(loop.index0, kind, "at", column) }}{% endfor %});
  {% for q in range(4) %}
  if (4u * {{ column }} + {{ q }}u < s.n) { c[at + 4u * {{ column }} + {{ q }}u] = result.{{ "xyzw"[q] }}; }
  {% endfor %}
}
{% endif %}
{%- endmacro -%}

{#- Where an invocation of a product stands: ``row0`` ... and ``column0`` ... are its rows and vectors of columns,
``shown0`` ... where in a panel of weights it reads, from ``panel`` on. ``form`` says how neighbours in a workgroup stand:
along the ``rows`` they read the same weights, each for itself or, ``broadcast``, an eighth each, by subgroup
broadcast; along the ``columns`` they read the same rows; ``staged`` ones stand in a square of ``side``, ``deep`` ones in
as many columns. -#}
{%- macro tile(form, rows, columns, group, side) -%}
{% set along_rows = form in ("rows", "broadcast") %}
{% set down = "lane" if along_rows else {"columns": "0u", "deep": "0u", "staged": "lane / " ~ side ~ "u"}[form] %}
{% set right = "0u" if along_rows else "lane" if form == "columns" else "lane % " ~ side ~ "u" %}
{% set high = group if along_rows else side if form == "staged" else 1 %}
{% set wide = 1 if along_rows else group if form == "columns" else side %}
{% for i in range(rows) %}
  let row{{ i }} = wg.y * {{ high * rows }}u + {{ i * high }}u + {{ down }};
{% endfor %}
{% for j in range(columns) %}
  let column{{ j }} = wg.x * {{ wide * columns }}u + {{ j * wide }}u + {{ right }};
{% if form == "rows" %}
  let shown{{ j }} = {{ j }}u;
{% elif form != "broadcast" %}
  let shown{{ j }} = min(column{{ j }}, s.n4 - 1u) - wg.x * {{ wide * columns }}u;
{% endif %}
{% endfor %}
  var panel = wg.z * s.w_batch + wg.x * s.w_panel;
{% for i in range(rows) %}{% for j in range(columns) %}
  var sum{{ i }}_{{ j }} = F();
{% endfor %}{% endfor %}
{%- endmacro -%}

{#- Where ``broadcast`` invocations find their vectors of the next ``deep`` rows of weights. -#}
{%- macro places(deep, columns) -%}
{% for l in range(0, deep * columns, 8) %}
  let from{{ l // 8 }} = min((place % 8u + {{ l }}u) / {{ columns }}u, {{ deep - 1 }}u) * s.w_k
    + min(wg.x * {{ columns }}u + (place % 8u + {{ l }}u) % {{ columns }}u, s.n4 - 1u) - wg.x * {{ columns }}u;
{% endfor %}
{%- endmacro -%}

{#- Read them. -#}
{%- macro take(deep, columns) -%}
{% for l in range(0, deep * columns, 8) %}
  let read{{ l // 8 }} = w[panel + from{{ l // 8 }}];
{% endfor %}
  panel += {{ deep }}u * s.w_k;
{%- endmacro -%}

{#- Vector ``j`` of row ``r`` of those. -#}
{%- macro broadcast(r, j, columns) -%}
subgroupBroadcast(read{{ (r * columns + j) // 8 }}, {{ (r * columns + j) % 8 }}u)
{%- endmacro -%}

{#- Finish and store all sums of an invocation, each row in its place or at ``target0`` ..., where that is ``reached``. -#}
{%- macro store_tile(form, rows, columns, kinds, whole, elsewhere=false) -%}
{% for i in range(rows) %}
  if ({{ "reached" ~ i if elsewhere else "row" ~ i ~ " < s.m" }}) {
{% for j in range(columns) %}
    {% if form != "rows" %}if (column{{ j }} < s.n4){% endif %}
    {{ store("sum" ~ i ~ "_" ~ j, ("target" if elsewhere else "wg.z * s.m + row") ~ i, "column" ~ j, kinds, whole) }}
{% endfor %}
  }
{% endfor %}
{%- endmacro -%}
