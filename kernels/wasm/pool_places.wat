{# The largest value of each window and where it stands in its image, or, with `whole`, in the batch: channels last.
   Windows are looked at row by row; the first of equal values wins, and NaN wins over all. The padding is -inf at place
   0. lo..hi are rows of the output. #}
{% import "macros.wat" as m with context %}
{% set pixel = 4 * channels %}
(local.set $i_to (i32.mul @lo #{{ w.out_size[1] * pixel }}))
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_image (i32.mul (i32.div_u @i_u #{{ w.out_size[0] }}) #{{ w.in_size[0] * w.in_size[1] * pixel }}))
(local.set $i_y0 (i32.sub (i32.mul (i32.rem_u @i_u #{{ w.out_size[0] }}) #{{ w.stride[0] }}) #{{ w.pad[0][0] }}))
{% call m.for("column", "#0", "#%d" % w.out_size[1]) %}
(local.set $i_x0 (i32.sub (i32.mul @i_column #{{ w.stride[1] }}) #{{ w.pad[1][0] }}))
{% call m.for("channel", "#0", "#%d" % channels) %}
(local.set $f_best (f32.const -inf))
(local.set $i_best #0)
(local.set $i_first #1)
(local.set $i_y @i_y0)
{% call m.repeat("ky", "#%d" % w.size[0]) %}
(local.set $i_x @i_x0)
{% call m.repeat("kx", "#%d" % w.size[1]) %}
(if (i32.and (i32.lt_u @i_y #{{ w.in_size[0] }}) (i32.lt_u @i_x #{{ w.in_size[1] }})) (then
(local.set $i_at (i32.add (i32.mul (i32.add (i32.mul @i_y #{{ w.in_size[1] }}) @i_x) #{{ channels }}) @i_channel))
(local.set $f_v (f32.load (i32.add (i32.add @x @i_image) (i32.shl @i_at #2))))
(if (i32.or (i32.or @i_first (f32.gt @f_v @f_best)) (i32.and (f32.ne @f_v @f_v) (f32.eq @f_best @f_best))) (then
(local.set $f_best @f_v)
(local.set $i_best {{ "(i32.add @i_at (i32.shr_u @i_image #2))" if whole else "@i_at" }})))))
(local.set $i_first #0)
(local.set $i_x (i32.add @i_x #1))
{% endcall %}
(local.set $i_y (i32.add @i_y #1))
{% endcall %}
(f32.store (i32.add @values @i_to) @f_best)
(i32.store (i32.add @places @i_to) @i_best)
{{ m.bump("i_to", 4) }}
{% endcall %}
{% endcall %}
{% endcall %}
