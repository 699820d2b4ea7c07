{# Moves runs of `n` bytes between strided places: `dims` are the runs, outermost first, with strides in bytes for source
   and destination. lo..hi are outermost indices. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{% macro nest(depth) %}
{% if depth == dims | length %}
{{ q.copy_bytes("@i_d%d" % (depth - 1), "@i_s%d" % (depth - 1), n) }}
{% else %}
(local.set $i_s{{ depth }} @i_s{{ depth - 1 }})
(local.set $i_d{{ depth }} @i_d{{ depth - 1 }})
{% call m.repeat("n%d" % depth, "#%d" % dims[depth]) %}
{{ nest(depth + 1) }}
{{ m.bump("i_s%d" % depth, src[depth]) }}
{{ m.bump("i_d%d" % depth, dst[depth]) }}
{% endcall %}
{% endif %}
{% endmacro %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_s0 (i32.add @x (i32.mul @i_u #{{ src[0] }})))
(local.set $i_d0 (i32.add @c (i32.mul @i_u #{{ dst[0] }})))
{{ nest(1) }}
{% endcall %}
