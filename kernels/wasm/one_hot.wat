{# `on` at each index along a new middle axis of [outer][depth][inner], `off` elsewhere: words, or bytes (`item` 1). Where
   the new axis is the last one, all is `off` first, then each row gets its one.
   lo..hi are indices. #}
{% import "macros.wat" as m with context %}
{% set store = "i32.store8" if item == 1 else "i32.store" %}
{% if inner == 1 %}
(local.set $i_to (i32.add @c (i32.mul @lo #{{ depth * item }})))
{% if off in (0, -1) or item == 1 %}
(memory.fill @i_to #{{ off % 256 }} (i32.mul (i32.sub @hi @lo) #{{ depth * item }}))
{% else %}
{% call m.repeat("fill", "(i32.mul (i32.sub @hi @lo) #%d)" % depth) %}
(i32.store @i_to #{{ off }})
{{ m.bump("i_to", 4) }}
{% endcall %}
{% endif %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_index (i32.load (i32.add @x (i32.shl @i_u #2))))
(if (i32.lt_u @i_index #{{ depth }}) (then
({{ store }} (i32.add @c (i32.mul (i32.add (i32.mul @i_u #{{ depth }}) @i_index) #{{ item }})) #{{ on }})))
{% endcall %}
{% else %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_index (i32.load (i32.add @x (i32.shl @i_u #2))))
(local.set $i_to (i32.add @c (i32.mul (i32.add (i32.mul (i32.div_u @i_u #{{ inner }}) #{{ depth * inner }}) (i32.rem_u @i_u #{{ inner }})) #{{ item }})))
{% call m.for("k", "#0", "#%d" % depth) %}
({{ store }} @i_to (select #{{ on }} #{{ off }} (i32.eq @i_k @i_index)))
{{ m.bump("i_to", item * inner) }}
{% endcall %}
{% endcall %}
{% endif %}
