{# Keeps the diagonals of [height][width] matrices that lie at most `lower` below and `upper` above the main one; other
   elements, words or bytes (`item` 1), become 0. lo..hi are rows. #}
{% import "macros.wat" as m with context %}
{% set load, store = ("i32.load8_u", "i32.store8") if item == 1 else ("i32.load", "i32.store") %}
(local.set $i_from (i32.add @x (i32.mul @lo #{{ item * width }})))
(local.set $i_to (i32.add @c (i32.mul @lo #{{ item * width }})))
{% call m.for("u", "@lo", "@hi") %}
{# An element's column less the first that is kept in its row; the width of what is kept bounds it from above. #}
(local.set $i_column (i32.sub #{{ lower }} (i32.rem_u @i_u #{{ height }})))
{% call m.repeat("e", "#%d" % width) %}
({{ store }} @i_to (select ({{ load }} @i_from) #0 (i32.le_u @i_column #{{ lower + upper }})))
{{ m.bump("i_column", 1) }}
{{ m.bump("i_from", item) }}
{{ m.bump("i_to", item) }}
{% endcall %}
{% endcall %}
