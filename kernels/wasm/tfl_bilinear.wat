{# Resizes an image of bytes between the four nearest old pixels, by TensorFlow Lite's rules: signed bytes (`sign`) in
   integers with weights of ten bits each way, others in float32. `rows` and `columns` hold for each new row, and column,
   the byte offsets of two old ones and how far it is from the first. Four channels at a time with vectors; the last four
   overlap the ones before. lo..hi are rows of the results of all images of `image` bytes. #}
{% import "macros.wat" as m with context %}
{% set whole = sign == "s" %}
{% set wide = L > 1 and channels >= 4 %}
{% set t, kind = ("v", "i32x4" if whole else "f32x4") if wide else ("i", "i32") if whole else ("f", "f32") %}
{% macro all(text) %}{{ "(%s.splat %s)" % (kind, text) if wide else text }}{% endmacro %}
{% set one = all("#1024" if whole else "(f32.const 1)") %}
{% set number = "i32.load" if whole else "f32.load" %}
{# The channels at an address, as numbers. #}
{% macro element(address) %}
{%- if wide %}
{% set long = "(i32x4.extend_low_i16x8_%s (i16x8.extend_low_i8x16_%s (v128.load32_zero %s)))" % (sign, sign, address) %}
{{ long if whole else "(f32x4.convert_i32x4_u %s)" % long }}
{%- elif whole %}(i32.load8_s {{ address }})
{%- else %}(f32.convert_i32_u (i32.load8_u {{ address }}))
{%- endif %}
{% endmacro %}
{% macro tap(row, column, down, across) %}({{ kind }}.mul ({{ kind }}.mul {{ element("(i32.add @i_%s (i32.add @i_%s @i_ch))" % (row, column)) }} @{{ t }}_{{ down }}) @{{ t }}_{{ across }}){% endmacro %}
(local.set $i_c (i32.add @c (i32.mul @lo #{{ width * channels }})))
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_k (i32.add @rows (i32.mul (i32.rem_u @i_u #{{ height }}) #12)))
(local.set $i_top (i32.add @x (i32.mul (i32.div_u @i_u #{{ height }}) #{{ image }})))
(local.set $i_bottom (i32.add @i_top (i32.load offset=4 @i_k)))
(local.set $i_top (i32.add @i_top (i32.load @i_k)))
(local.set ${{ t }}_y {{ all("(%s offset=8 @i_k)" % number) }})
(local.set ${{ t }}_ny ({{ kind }}.sub {{ one }} @{{ t }}_y))
(local.set $i_k @columns)
{% call m.repeat("e", "#%d" % width) %}
(local.set $i_left (i32.load @i_k))
(local.set $i_right (i32.load offset=4 @i_k))
(local.set ${{ t }}_z {{ all("(%s offset=8 @i_k)" % number) }})
(local.set ${{ t }}_nz ({{ kind }}.sub {{ one }} @{{ t }}_z))
{{ m.bump("i_k", 12) }}
{% set step = 4 if wide else 1 %}
{% call m.repeat("n", "#%d" % ((channels + step - 1) // step)) %}
(local.set $i_ch (i32.mul #{{ step }} (i32.sub #{{ (channels + step - 1) // step }} @i_n)))
(local.set $i_ch (select @i_ch #{{ channels - step }} (i32.lt_u @i_ch #{{ channels - step }})))
(local.set ${{ t }}_s {{ tap("top", "left", "ny", "nz") }})
{% for names in (("bottom", "left", "y", "nz"), ("top", "right", "ny", "z"), ("bottom", "right", "y", "z")) %}
(local.set ${{ t }}_s ({{ kind }}.add @{{ t }}_s {{ tap(*names) }}))
{% endfor %}
{% if whole %}
{# Halves away from zero: the magnitude is rounded. #}
(local.set ${{ t }}_m ({{ kind }}.shr_s @{{ t }}_s #31))
(local.set ${{ t }}_s ({{ kind }}.sub ({{ "v128" if wide else "i32" }}.xor @{{ t }}_s @{{ t }}_m) @{{ t }}_m))
(local.set ${{ t }}_s ({{ kind }}.shr_u ({{ kind }}.add @{{ t }}_s {{ all("#%d" % 2**19) }}) #20))
(local.set ${{ t }}_s ({{ kind }}.sub ({{ "v128" if wide else "i32" }}.xor @{{ t }}_s @{{ t }}_m) @{{ t }}_m))
{% else %}
(local.set ${{ t }}_s ({{ kind }}.add @{{ t }}_s {{ all("(f32.const 0.5)") }}))
{% if wide %}
(local.set $v_s (i32x4.trunc_sat_f32x4_u @v_s))
{% endif %}
{% endif %}
{% if wide %}
(local.set $v_s (i16x8.narrow_i32x4_s @v_s @v_s))
(v128.store32_lane 0 (i32.add @i_c @i_ch) (i8x16.narrow_i16x8_{{ sign }} @v_s @v_s))
{% else %}
(i32.store8 (i32.add @i_c @i_ch) {{ "@i_s" if whole else "(i32.trunc_sat_f32_u @f_s)" }})
{% endif %}
{% endcall %}
{{ m.bump("i_c", channels) }}
{% endcall %}
{% endcall %}
