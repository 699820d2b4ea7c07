{#- What several sources share. -#}

{#- Index of this invocation in a dispatch that was folded into two dimensions. -#}
{%- macro entry(group) -%}
@compute @workgroup_size({{ group }})
fn main(
  @builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
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
