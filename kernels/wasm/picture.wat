{# Turns a picture, RGBA in bytes of any size, into a float tensor [rows, columns, channels] (or bytes, or whole numbers):
   bilinear between pixel centres, as `resizeBilinear` with half-pixel centres does, of the middle part that has the
   tensor's proportions where `crop` says so; then scale and offset, and the channels of `order`. lo..hi are rows. #}
{% import "macros.wat" as m with context %}
{% macro clamped(name, at, length) %}
(local.set $f_{{ name }} (f32.max (f32.const 0) (f32.min {{ at }} (f32.convert_i32_u (i32.sub {{ length }} #1)))))
(local.set $i_{{ name }}0 (i32.trunc_f32_u @f_{{ name }}))
(local.set $f_{{ name }} (f32.sub @f_{{ name }} (f32.convert_i32_u @i_{{ name }}0)))
(local.set $i_{{ name }}1 (i32.add @i_{{ name }}0 (i32.lt_u (i32.add @i_{{ name }}0 #1) {{ length }})))
{% endmacro %}
{% macro byte(row, column, channel) -%}
(f32.convert_i32_u (i32.load8_u offset={{ channel }} (i32.add @i_{{ row }} (i32.shl @i_{{ column }} #2))))
{%- endmacro %}
{% macro sample(channel) %}
(local.set $f_a {{ byte("r0", "x0", channel) }})
(local.set $f_up (f32.add @f_a (f32.mul @f_x (f32.sub {{ byte("r0", "x1", channel) }} @f_a))))
(local.set $f_a {{ byte("r1", "x0", channel) }})
(local.set $f_down (f32.add @f_a (f32.mul @f_x (f32.sub {{ byte("r1", "x1", channel) }} @f_a))))
(local.set $f_v{{ channel }} (f32.add @f_up (f32.mul @f_y (f32.sub @f_down @f_up))))
{% endmacro %}
{% macro put(index, value) %}
(local.set $f_o (f32.add (f32.mul {{ value }} (f32.const {{ scale }})) (f32.const {{ offset }})))
{% if dtype == "float32" %}
(f32.store offset={{ 4 * index }} @i_c @f_o)
{% elif ends %}
(local.set $f_o (f32.max (f32.const {{ ends[0] }}) (f32.min (f32.const {{ ends[1] }}) (f32.nearest @f_o))))
(i32.store{{ 8 * item }} offset={{ item * index }} @i_c (i32.trunc_f32_s @f_o))
{% elif dtype == "int32" %}
(i32.store offset={{ 4 * index }} @i_c (i32.trunc_f32_s (f32.nearest @f_o)))
{% else %}
(i32.store8 offset={{ index }} @i_c (i32.trunc_f32_s (f32.nearest @f_o)))
{% endif %}
{% endmacro %}
(local.set $f_sx (f32.div (f32.convert_i32_u @width) (f32.const {{ columns }})))
(local.set $f_sy (f32.div (f32.convert_i32_u @height) (f32.const {{ rows }})))
{% if crop %}
(local.set $f_sx (f32.min @f_sx @f_sy))
(local.set $f_sy @f_sx)
{% endif %}
(local.set $f_x0 (f32.mul (f32.const 0.5) (f32.sub (f32.convert_i32_u @width) (f32.mul @f_sx (f32.const {{ columns }})))))
(local.set $f_y0 (f32.mul (f32.const 0.5) (f32.sub (f32.convert_i32_u @height) (f32.mul @f_sy (f32.const {{ rows }})))))
{% call m.for("r", "@lo", "@hi") %}
{{ clamped("y", "(f32.sub (f32.add (f32.mul (f32.add (f32.convert_i32_u @i_r) (f32.const 0.5)) @f_sy) @f_y0) (f32.const 0.5))", "@height") }}
(local.set $i_r0 (i32.add @pixels (i32.mul @i_y0 (i32.shl @width #2))))
(local.set $i_r1 (i32.add @pixels (i32.mul @i_y1 (i32.shl @width #2))))
(local.set $i_c (i32.add @c (i32.mul @i_r #{{ columns * channels * item }})))
{% call m.for("k", "#0", "#%d" % columns) %}
{{ clamped("x", "(f32.sub (f32.add (f32.mul (f32.add (f32.convert_i32_u @i_k) (f32.const 0.5)) @f_sx) @f_x0) (f32.const 0.5))", "@width") }}
{% for channel in ([0, 1, 2] if channels == 1 else order) %}
{{ sample(channel) }}
{% endfor %}
{% if channels == 1 %}
{{ put(0, "(f32.add (f32.mul @f_v0 (f32.const 0.299)) (f32.add (f32.mul @f_v1 (f32.const 0.587)) (f32.mul @f_v2 (f32.const 0.114))))") }}
{% else %}
{% for channel in order %}
{{ put(loop.index0, "@f_v%d" % channel) }}
{% endfor %}
{% endif %}
{{ m.bump("i_c", channels * item) }}
{% endcall %}
{% endcall %}
