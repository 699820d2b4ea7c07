{# Means of bytes by TensorFlow Lite's rules over the middle of [outer][n][inner]: the sum of all without the zero point
   (`offset` in all), times a multiplier that the number is part of. lo..hi are outer slices. #}
{% import "macros.wat" as m with context %}
{% import "tfl_scalar.wat" as t with context %}
{% call m.for("o", "@lo", "@hi") %}
(local.set $i_x (i32.add @x (i32.mul @i_o #{{ n * inner }})))
(local.set $i_c (i32.add @c (i32.mul @i_o #{{ inner }})))
{% call m.repeat("i", "#%d" % inner) %}
(local.set $l_s (i64.const {{ -offset }}))
(local.set $i_p @i_x)
{% call m.repeat("n", "#%d" % n) %}
(local.set $l_s (i64.add @l_s (i64.load8_{{ sign }} @i_p)))
{{ m.bump("i_p", inner) }}
{% endcall %}
{{ t.rescale("s", multiplier, shift) }}
(local.set $l_s (i64.add @l_s (i64.const {{ out_zero }})))
{{ t.clamp("s", lowest, highest) }}
(i64.store8 @i_c @l_s)
{{ m.bump("i_x", 1) }}
{{ m.bump("i_c", 1) }}
{% endcall %}
{% endcall %}
