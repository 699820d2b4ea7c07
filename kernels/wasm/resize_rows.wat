{# Resizes row-major images, channels last: vectors run over channels. Tables hold, for each new row (column), the byte
   offsets of the two old ones that it lies between and how far it is from the first; `nearest` has one offset only.
   A row is mixed from two rows into scratch first, unless `direct`: where an image shrinks most of that would be for
   nothing. `vectors` are the byte offsets of a pixel's vectors, of which the last two may overlap. Three channels are
   one vector, whose fourth lane the next pixel overwrites. lo..hi are rows of the results of all images. #}
{% import "macros.wat" as m with context %}
{% set pixel = 4 * channels %}
{% set narrow = channels < L %}
{% macro mix(a, b, share) %}
(V.add (local.tee $v_a {{ a }}) (V.mul (V.sub {{ b }} @v_a) {{ share }}))
{%- endmacro %}
{% macro column(offset, at) %}
{% if direct %}
{{ mix("(V.load offset=%d (i32.add @i_top %s))" % (at, offset), "(V.load offset=%d (i32.add @i_bottom %s))" % (at, offset), "@v_down") }}
{%- else %}
(V.load offset={{ at }} (i32.add @i_top {{ offset }}))
{%- endif %}
{% endmacro %}
{% macro one_pixel(last) %}
{% if nearest %}
(local.set $i_l (i32.add @i_top (i32.load @i_k)))
{{ m.bump("i_k", 4) }}
{% else %}
(local.set $i_l (i32.load @i_k))
(local.set $i_r (i32.load offset=4 @i_k))
(local.set $v_f (V.splat_load offset=8 @i_k))
{{ m.bump("i_k", 12) }}
{% endif %}
{% for at in vectors %}
{% if nearest %}
(local.set $v_x (V.load offset={{ at }} @i_l))
{% else %}
(local.set $v_l {{ column("@i_l", at) }})
(local.set $v_r {{ column("@i_r", at) }})
(local.set $v_x (V.add @v_l (V.mul (V.sub @v_r @v_l) @v_f)))
{% endif %}
{% if narrow and last %}
{% for lane in range(channels) %}
(f32.store offset={{ 4 * lane }} @i_c (f32x4.extract_lane {{ lane }} @v_x))
{% endfor %}
{% else %}
(V.store offset={{ at }} @i_c @v_x)
{% endif %}
{% endfor %}
{{ m.bump("i_c", pixel) }}
{% endmacro %}
(local.set $i_c (i32.add @c (i32.mul @lo #{{ width * pixel }})))
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_t (i32.add @rows (i32.mul (i32.rem_u @i_u #{{ height }}) #{{ 4 if nearest else 12 }})))
(local.set $i_x (i32.add @x (i32.mul (i32.div_u @i_u #{{ height }}) #{{ image }})))
(local.set $i_top (i32.add @i_x (i32.load @i_t)))
{% if not nearest %}
(local.set $i_bottom (i32.add @i_x (i32.load offset=4 @i_t)))
(local.set $v_down (V.splat_load offset=8 @i_t))
{% if not direct %}
(local.set $i_s @scratch)
{% call m.repeat("v", "#%d" % ((width_in * channels + L - 1) // L)) %}
(V.store @i_s {{ mix("(V.load @i_top)", "(V.load @i_bottom)", "@v_down") }})
{{ m.bump("i_top", 4 * L) }}
{{ m.bump("i_bottom", 4 * L) }}
{{ m.bump("i_s", 4 * L) }}
{% endcall %}
(local.set $i_top @scratch)
{% endif %}
{% endif %}
(local.set $i_k @columns)
{% if width > 1 or not narrow %}
{% call m.repeat("e", "#%d" % (width - (1 if narrow else 0))) %}
{{ one_pixel(false) }}
{% endcall %}
{% endif %}
{% if narrow %}
{{ one_pixel(true) }}
{% endif %}
{% endcall %}
