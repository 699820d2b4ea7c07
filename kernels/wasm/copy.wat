{# Moves 4-byte elements between strided places: transpose, slice, concat, pad, broadcast and layout changes are this.
   `dims` outermost first with float strides for source and destination. lo..hi are outermost indices. When both
   innermost strides are 1 whole vectors are moved; the rest of a row is moved one by one. #}
{% import "macros.wat" as m with context %}
{% set n = dims[-1] %}
{% macro row() %}
{% if src[-1] == 1 and dst[-1] == 1 %}
{{ m.move_run("v", "to", "from", n, L) }}
{% else %}
{% call m.repeat("e", "#%d" % n) %}
(f32.store @i_to (f32.load @i_from))
{{ m.bump("i_from", 4 * src[-1]) }}
{{ m.bump("i_to", 4 * dst[-1]) }}
{% endcall %}
{% endif %}
{% endmacro %}
{% macro nest(depth) %}
{% if depth == dims | length - 1 %}
(local.set $i_from @i_s{{ depth - 1 }})
(local.set $i_to @i_d{{ depth - 1 }})
{{ row() }}
{% else %}
(local.set $i_s{{ depth }} @i_s{{ depth - 1 }})
(local.set $i_d{{ depth }} @i_d{{ depth - 1 }})
{% call m.repeat("n%d" % depth, "#%d" % dims[depth]) %}
{{ nest(depth + 1) }}
{{ m.bump("i_s%d" % depth, 4 * src[depth]) }}
{{ m.bump("i_d%d" % depth, 4 * dst[depth]) }}
{% endcall %}
{% endif %}
{% endmacro %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_s0 (i32.add @x (i32.mul @i_u #{{ 4 * src[0] }})))
(local.set $i_d0 (i32.add @c (i32.mul @i_u #{{ 4 * dst[0] }})))
{{ nest(1) }}
{% endcall %}
