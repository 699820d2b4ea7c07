{# c[i] = table[x[i]] of x of `bits` bits; results have `item` bytes. Eight at a time: buffers end on a cache line, so a rest is
   computed along. lo..hi are blocks of `block` elements, `n` in all. #}
{% import "macros.wat" as m with context %}
{% set load, store, scale = {1: ("i32.load8_u", "i32.store8", 0), 2: ("i32.load16_u", "i32.store16", 1), 4: ("i32.load", "i32.store", 2)}[item] %}
{% set wide = bits // 8 %}
(local.set $i_e (i32.mul @lo #{{ block }}))
(local.set $i_end (i32.mul @hi #{{ block }}))
(local.set $i_end (select @i_end #{{ n }} (i32.lt_u @i_end #{{ n }})))
(local.set $i_x (i32.add @x (i32.mul @i_e #{{ wide }})))
(local.set $i_c (i32.add @c (i32.shl @i_e #{{ scale }})))
(if (i32.lt_u @i_e @i_end) (then (loop $L_e
{% for u in range(8) %}
({{ store }} offset={{ item * u }} @i_c ({{ load }} (i32.add @table (i32.shl (i32.load{{ bits }}_u offset={{ wide * u }} @i_x) #{{ scale }}))))
{% endfor %}
{{ m.bump("i_x", 8 * wide) }}
{{ m.bump("i_c", 8 * item) }}
(br_if $L_e (i32.lt_u (local.tee $i_e (i32.add @i_e #8)) @i_end)))))
