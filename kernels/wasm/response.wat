{# Local response normalization on channel planes: expression 0 of a value and the sum of squares of the `radius`
   channels to either side, its own included. lo..hi are channel planes. #}
{% import "macros.wat" as m with context %}
{% set VB = 4 * L %}
{% call m.for("n", "@lo", "@hi") %}
(local.set $i_channel (i32.rem_u @i_n #{{ channels }}))
(local.set $i_before (select @i_channel #{{ radius }} (i32.lt_u @i_channel #{{ radius }})))
(local.set $i_left (i32.sub #{{ channels - 1 }} @i_channel))
(local.set $i_behind (select @i_left #{{ radius }} (i32.lt_u @i_left #{{ radius }})))
(local.set $i_planes (i32.add (i32.add @i_before @i_behind) #1))
(local.set $i_x (i32.add @x (i32.mul @i_n #{{ pitch }})))
(local.set $i_c (i32.add @c (i32.mul @i_n #{{ pitch }})))
{% call m.repeat("v", "#%d" % vectors) %}
(local.set $i_p (i32.sub @i_x (i32.mul @i_before #{{ pitch }})))
(local.set $v_sum (V.splat (f32.const 0)))
{% call m.repeat("k", "@i_planes") %}
(local.set $v_a (V.load @i_p))
(local.set $v_sum (V.add @v_sum (V.mul @v_a @v_a)))
{{ m.bump("i_p", pitch) }}
{% endcall %}
(V.store @i_c {{ expr(0, "(V.load @i_x)", "@v_sum") }})
{{ m.bump("i_x", VB) }}
{{ m.bump("i_c", VB) }}
{% endcall %}
{% endcall %}
