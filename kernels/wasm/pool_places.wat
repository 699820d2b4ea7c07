{# The largest value of each window and where it stands in its image, or, with `whole`, in the batch: channels last.
   Windows are looked at row by row; the first of equal values wins, and NaN wins over all. The padding is -inf at place
   0. Channels are taken by vectors, the rest one by one. lo..hi are rows of the output. #}
{% import "macros.wat" as m with context %}
{% set pixel = 4 * channels %}
{% set vectors = channels // L if L > 1 else 0 %}

{# Runs the body for each element of the window that lies in the image: $i_at is its place, $i_first is 1 only for the
   first one of the window. #}
{% macro window() %}
{% set body = caller %}
(local.set $i_first #1)
(local.set $i_y @i_y0)
{% call m.repeat("ky", "#%d" % w.size[0]) %}
(local.set $i_x @i_x0)
{% call m.repeat("kx", "#%d" % w.size[1]) %}
(if (i32.and (i32.lt_u @i_y #{{ w.in_size[0] }}) (i32.lt_u @i_x #{{ w.in_size[1] }})) (then
(local.set $i_at (i32.add (i32.mul (i32.add (i32.mul @i_y #{{ w.in_size[1] }}) @i_x) #{{ channels }}) @i_channel))
(local.set $i_from (i32.add (i32.add @x @i_image) (i32.shl @i_at #2)))
{% if whole %}
(local.set $i_at (i32.add @i_at (i32.shr_u @i_image #2)))
{% endif %}
{{ body() }}
))
(local.set $i_first #0)
(local.set $i_x (i32.add @i_x #1))
{% endcall %}
(local.set $i_y (i32.add @i_y #1))
{% endcall %}
{% endmacro %}

(local.set $i_to (i32.mul @lo #{{ w.out_size[1] * pixel }}))
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_image (i32.mul (i32.div_u @i_u #{{ w.out_size[0] }}) #{{ w.in_size[0] * w.in_size[1] * pixel }}))
(local.set $i_y0 (i32.sub (i32.mul (i32.rem_u @i_u #{{ w.out_size[0] }}) #{{ w.stride[0] }}) #{{ w.pad[0][0] }}))
{% call m.for("column", "#0", "#%d" % w.out_size[1]) %}
(local.set $i_x0 (i32.sub (i32.mul @i_column #{{ w.stride[1] }}) #{{ w.pad[1][0] }}))
(local.set $i_channel #0)
{% if vectors %}
{% call m.repeat("v", "#%d" % vectors) %}
(local.set $v_best (f32x4.splat (f32.const -inf)))
(local.set $v_places (v128.const i32x4 0 0 0 0))
{% call window() %}
(local.set $v_a (v128.load @i_from))
(local.set $m_wins (v128.or (f32x4.gt @v_a @v_best) (v128.and (f32x4.ne @v_a @v_a) (f32x4.eq @v_best @v_best))))
(local.set $m_wins (v128.or @m_wins (i32x4.splat (i32.sub #0 @i_first))))
(local.set $v_best (v128.bitselect @v_a @v_best @m_wins))
(local.set $v_places (v128.bitselect (i32x4.add (i32x4.splat @i_at) (v128.const i32x4 0 1 2 3)) @v_places @m_wins))
{% endcall %}
(v128.store (i32.add @values @i_to) @v_best)
(v128.store (i32.add @places @i_to) @v_places)
{{ m.bump("i_to", 16) }}
{{ m.bump("i_channel", 4) }}
{% endcall %}
{% endif %}
{% if channels - L * vectors %}
{% call m.repeat("s", "#%d" % (channels - L * vectors)) %}
(local.set $f_best (f32.const -inf))
(local.set $i_best #0)
{% call window() %}
(local.set $f_a (f32.load @i_from))
(if (i32.or (i32.or @i_first (f32.gt @f_a @f_best)) (i32.and (f32.ne @f_a @f_a) (f32.eq @f_best @f_best))) (then
(local.set $f_best @f_a)
(local.set $i_best @i_at)))
{% endcall %}
(f32.store (i32.add @values @i_to) @f_best)
(i32.store (i32.add @places @i_to) @i_best)
{{ m.bump("i_to", 4) }}
{{ m.bump("i_channel", 1) }}
{% endcall %}
{% endif %}
{% endcall %}
{% endcall %}
