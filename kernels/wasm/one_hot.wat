{# `on` at each index along a new middle axis of [outer][depth][inner], `off` elsewhere: words, or bytes (`item` 1).
   lo..hi are indices. #}
{% import "macros.wat" as m with context %}
{% set store = "i32.store8" if item == 1 else "i32.store" %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_index (i32.load (i32.add @x (i32.shl @i_u #2))))
(local.set $i_to (i32.add @c (i32.mul (i32.add (i32.mul (i32.div_u @i_u #{{ inner }}) #{{ depth * inner }}) (i32.rem_u @i_u #{{ inner }})) #{{ item }})))
{% call m.for("k", "#0", "#%d" % depth) %}
({{ store }} @i_to (select #{{ on }} #{{ off }} (i32.eq @i_k @i_index)))
{{ m.bump("i_to", item * inner) }}
{% endcall %}
{% endcall %}
