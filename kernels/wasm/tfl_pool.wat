{# Largest or mean of the bytes under a window, by TensorFlow Lite's rules: what lies beside the image counts for nothing.
   lo..hi are output rows of all images. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{# Where the window begins and ends on an axis: $i_<name>0 and $i_<name>1, clamped to the image. #}
{% macro reach(name, index, stride, before, size, length) %}
(local.set $i_{{ name }}0 (i32.sub (i32.mul {{ index }} #{{ stride }}) #{{ before }}))
(local.set $i_{{ name }}1 (i32.add @i_{{ name }}0 #{{ size }}))
(local.set $i_{{ name }}0 (select @i_{{ name }}0 #0 (i32.gt_s @i_{{ name }}0 #0)))
(local.set $i_{{ name }}1 (select @i_{{ name }}1 #{{ length }} (i32.lt_s @i_{{ name }}1 #{{ length }})))
{% endmacro %}
{% call m.for("row", "@lo", "@hi") %}
(local.set $i_image (i32.add @x (i32.mul (i32.div_u @i_row #{{ w.out_h }}) #{{ w.in_h * w.in_w * ch }})))
{{ reach("y", "(i32.rem_u @i_row #%d)" % w.out_h, w.stride[0], w.top, w.kh, w.in_h) }}
(local.set $i_c (i32.add @c (i32.mul @i_row #{{ w.out_w * ch }})))
{% call m.for("ox", "#0", "#%d" % w.out_w) %}
{{ reach("x", "@i_ox", w.stride[1], w.left, w.kw, w.in_w) }}
(local.set $i_wide (i32.mul (i32.sub @i_x1 @i_x0) #{{ ch }}))
(local.set $i_count (i32.mul (i32.sub @i_x1 @i_x0) (i32.sub @i_y1 @i_y0)))
(local.set $i_first (i32.add @i_image (i32.mul (i32.add (i32.mul @i_y0 #{{ w.in_w }}) @i_x0) #{{ ch }})))
{% call m.repeat("ch", "#%d" % ch) %}
(local.set $i_s #{{ least if mode == "max" else 0 }})
(local.set $i_line @i_first)
{% call m.for("y", "@i_y0", "@i_y1") %}
(local.set $i_p @i_line)
(local.set $i_end (i32.add @i_line @i_wide))
(loop $L_tap
(local.set $i_v (i32.load8_{{ sign }} @i_p))
{% if mode == "max" %}
(local.set $i_s (select @i_s @i_v (i32.gt_s @i_s @i_v)))
{% else %}
(local.set $i_s (i32.add @i_s @i_v))
{% endif %}
(br_if $L_tap (i32.lt_u (local.tee $i_p (i32.add @i_p #{{ ch }})) @i_end)))
{{ m.bump("i_line", w.in_w * ch) }}
{% endcall %}
{% if mode == "mean" %}
(local.set $i_half (i32.shr_u @i_count #1))
(local.set $i_half (select @i_half (i32.sub #0 @i_half) (i32.gt_s @i_s #0)))
(local.set $i_s (i32.div_s (i32.add @i_s @i_half) @i_count))
{% endif %}
{{ q.clamp("s", lowest, highest) }}
(i32.store8 @i_c @i_s)
{{ m.bump("i_c", 1) }}
{{ m.bump("i_first", 1) }}
{% endcall %}
{% endcall %}
{% endcall %}
