{# Puts runs of `n` elements of `dtype` to where `count` flat indices point, which are checked, or combines them by
   expression 0 with what is there. With `one` there is a single run for all indices. One after the other, as indices
   may repeat: lo..hi is 0..1. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{# The elements of a run by expression 0: vectors, then the rest one by one. #}
{% macro combine(times, kind, lanes, text) %}
{% call m.repeat("v", "#%d" % times) %}
{{ kind.store.format("@i_to", text(0, kind.load.format("@i_to"), kind.load.format("@i_from"))) }}
{{ m.bump("i_to", item * lanes) }}
{{ m.bump("i_from", item * lanes) }}
{% endcall %}
{% endmacro %}
(local.set $i_source @updates)
(local.set $i_place @indices)
{% call m.repeat("k", "#%d" % count) %}
(local.set $i_from @i_source)
(local.set $i_to (i32.add @c (i32.mul (i32.load @i_place) #{{ item * n }})))
{% if combines %}
{% if n // L %}
{{ combine(n // L, vector(dtype), L, expr) }}
{% endif %}
{% if n % L %}
{{ combine(n % L, single(dtype), 1, scalar_expr) }}
{% endif %}
{% else %}
{{ q.copy_bytes("@i_to", "@i_from", item * n) }}
{% endif %}
{% if not one %}
{{ m.bump("i_source", item * n) }}
{% endif %}
{{ m.bump("i_place", 4) }}
{% endcall %}
