{# c = the larger or, by `how`, the smaller of x and y, of which an element has `bits` bits. Sixteen bytes at a time with
   vectors: buffers end on a cache line, so a rest is computed along. lo..hi are blocks of `block` bytes, `n` in all. #}
{% import "macros.wat" as m with context %}
{% set step = 16 if L > 1 else bits // 8 %}
(local.set $i_e (i32.mul @lo #{{ block }}))
(local.set $i_end (i32.mul @hi #{{ block }}))
(local.set $i_end (select @i_end #{{ n }} (i32.lt_u @i_end #{{ n }})))
(if (i32.lt_u @i_e @i_end) (then (loop $L_e
{% if L > 1 %}
(v128.store (i32.add @c @i_e) (i{{ bits }}x{{ 128 // bits }}.{{ how }}_{{ sign }} (v128.load (i32.add @x @i_e)) (v128.load (i32.add @y @i_e))))
{% else %}
(local.set $i_x (i32.load{{ bits }}_{{ sign }} (i32.add @x @i_e)))
(local.set $i_y (i32.load{{ bits }}_{{ sign }} (i32.add @y @i_e)))
(i32.store{{ bits }} (i32.add @c @i_e) (select @i_x @i_y (i32.{{ "gt" if how == "max" else "lt" }}_s @i_x @i_y)))
{% endif %}
(br_if $L_e (i32.lt_u (local.tee $i_e (i32.add @i_e #{{ step }})) @i_end)))))
