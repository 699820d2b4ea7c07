{# Cuts boxes (y1, x1, y2, x2 from 0 to 1) out of images [batch][h][w][channels] and resizes them to rows x columns.
   Positions are in float64, the mixing of pixels in float32, as in the reference. What lies outside of the image, and
   what is no number, becomes `outside`; a box of an image that does not exist becomes 0. lo..hi are rows of crops. #}
{% import "macros.wat" as m with context %}
{% set pixel = 4 * channels %}

{# The position of new row or column @index between two ends of the box, as $d_p; 1 in $i_in when it is inside. #}
{% macro position(first, last, index, old, new) %}
{% if new == 1 %}
(local.set $d_p (f64.mul (f64.mul (f64.const 0.5) (f64.add {{ first }} {{ last }})) (f64.const {{ old - 1 }})))
{% else %}
(local.set $d_p (f64.add (f64.mul {{ first }} (f64.const {{ old - 1 }})) (f64.mul (f64.convert_i32_u {{ index }}) (f64.div (f64.mul (f64.sub {{ last }} {{ first }}) (f64.const {{ old - 1 }})) (f64.const {{ new - 1 }})))))
{% endif %}
(local.set $i_in (i32.and (f64.ge @d_p (f64.const 0)) (f64.le @d_p (f64.const {{ old - 1 }}))))
{% endmacro %}

{# Runs the body for each vector of a pixel's channels and for each that is left; load, store and type fit. #}
{% macro each_channel(copies) %}
{% set body = caller %}
{% set vectors = channels // L if L > 1 else 0 %}
{% if vectors %}
{% call m.repeat("v", "#%d" % vectors) %}
{{ body("v128.load", "v128.store", "f32x4", "$v_") }}
{% for p in copies %}
{{ m.bump(p, 16) }}
{% endfor %}
{% endcall %}
{% endif %}
{% if channels - L * vectors %}
{% call m.repeat("s", "#%d" % (channels - L * vectors)) %}
{{ body("f32.load", "f32.store", "f32", "$f_") }}
{% for p in copies %}
{{ m.bump(p, 4) }}
{% endfor %}
{% endcall %}
{% endif %}
{% endmacro %}

{% macro fill(count, value) %}
{% call m.repeat("fill", count) %}
(f32.store @i_c (f32.const {{ value }}))
{{ m.bump("i_c", 4) }}
{% endcall %}
{% endmacro %}

{% macro end(offset) -%}
(f64.promote_f32 (f32.load offset={{ offset }} @i_box))
{%- endmacro %}

{% macro mixed(type, load, a, b, fraction) -%}
({{ type }}.add ({{ load }} @i_{{ a }}) ({{ type }}.mul ({{ type }}.sub ({{ load }} @i_{{ b }}) ({{ load }} @i_{{ a }})) {{ fraction }}))
{%- endmacro %}

(local.set $i_c (i32.add @c (i32.mul @lo #{{ columns * pixel }})))
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_n (i32.div_u @i_u #{{ rows }}))
(local.set $i_row (i32.rem_u @i_u #{{ rows }}))
(local.set $i_box (i32.add @boxes (i32.shl @i_n #4)))
(local.set $i_which (i32.load (i32.add @which (i32.shl @i_n #2))))
(if (i32.ge_u @i_which #{{ batch }}) (then
{{ fill("#%d" % (columns * channels), 0) }})
(else
{{ position(end(0), end(8), "@i_row", h, rows) }}
(if (i32.eqz @i_in) (then
{{ fill("#%d" % (columns * channels), outside) }})
(else
(local.set $i_image (i32.add @x (i32.mul @i_which #{{ h * w * pixel }})))
{% if nearest %}
(local.set $i_top (i32.add @i_image (i32.mul (i32.trunc_f64_u (f64.floor (f64.add @d_p (f64.const 0.5)))) #{{ w * pixel }})))
{% else %}
(local.set $i_top (i32.add @i_image (i32.mul (i32.trunc_f64_u (f64.floor @d_p)) #{{ w * pixel }})))
(local.set $i_bottom (i32.add @i_image (i32.mul (i32.trunc_f64_u (f64.ceil @d_p)) #{{ w * pixel }})))
(local.set $f_down (f32.demote_f64 (f64.sub @d_p (f64.floor @d_p))))
{% endif %}
{% call m.for("column", "#0", "#%d" % columns) %}
{{ position(end(4), end(12), "@i_column", w, columns) }}
(if (i32.eqz @i_in) (then
{{ fill("#%d" % channels, outside) }})
(else
{% if nearest %}
(local.set $i_a (i32.add @i_top (i32.mul (i32.trunc_f64_u (f64.floor (f64.add @d_p (f64.const 0.5)))) #{{ pixel }})))
{% call(load, store, type, p) each_channel(["i_a", "i_c"]) %}
({{ store }} @i_c ({{ load }} @i_a))
{% endcall %}
{% else %}
(local.set $i_left (i32.mul (i32.trunc_f64_u (f64.floor @d_p)) #{{ pixel }}))
(local.set $i_right (i32.mul (i32.trunc_f64_u (f64.ceil @d_p)) #{{ pixel }}))
(local.set $f_across (f32.demote_f64 (f64.sub @d_p (f64.floor @d_p))))
(local.set $v_across (V.splat @f_across))
(local.set $v_down (V.splat @f_down))
{% for p, row, side in [("a", "top", "left"), ("b", "top", "right"), ("d", "bottom", "left"), ("e", "bottom", "right")] %}
(local.set $i_{{ p }} (i32.add @i_{{ row }} @i_{{ side }}))
{% endfor %}
{% call(load, store, type, p) each_channel(["i_a", "i_b", "i_d", "i_e", "i_c"]) %}
{% set local = "@" ~ p[1:] %}
(local.set {{ p }}upper {{ mixed(type, load, "a", "b", local ~ "across") }})
(local.set {{ p }}lower {{ mixed(type, load, "d", "e", local ~ "across") }})
({{ store }} @i_c ({{ type }}.add {{ local }}upper ({{ type }}.mul ({{ type }}.sub {{ local }}lower {{ local }}upper) {{ local }}down)))
{% endcall %}
{% endif %}
))
{% endcall %}
))))
{% endcall %}
