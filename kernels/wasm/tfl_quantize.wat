{# Integers of `item` bytes of floats by TensorFlow Lite's rule: x / scale, rounded half away from zero. lo..hi are blocks of `block`
   elements, `n` in all. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
(local.set $i_e (i32.mul @lo #{{ block }}))
(local.set $i_end (i32.mul @hi #{{ block }}))
(local.set $i_end (select @i_end #{{ n }} (i32.lt_u @i_end #{{ n }})))
(if (i32.lt_u @i_e @i_end) (then (loop $L_e
(local.set $d_x (f64.promote_f32 (f32.div (f32.load (i32.add @x (i32.shl @i_e #2))) (f32.const {{ scale }}))))
(local.set $d_r (f64.min (f64.floor (f64.add (f64.abs @d_x) (f64.const 0.5))) (f64.const 1073741824)))
(local.set $i_s (i32.add (i32.trunc_sat_f64_s (f64.copysign @d_r @d_x)) #{{ zero }}))
{{ q.clamp("s", lowest, highest) }}
(i32.store{{ 8 * item }} (i32.add @c (i32.mul @i_e #{{ item }})) @i_s)
(br_if $L_e (i32.lt_u (local.tee $i_e (i32.add @i_e #1)) @i_end)))))
