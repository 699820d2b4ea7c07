{# Elementwise integer work on `n` elements as one run: `mode` is add (a, b), prelu (a, b), quantize (float a) or
   dequantize (a). Sixteen at a time; buffers end on a cache line, so a rest is computed along. lo..hi are blocks of
   `block` elements. The slopes of prelu come as pairs (positive, slope) of 16 bits for `period` elements, after which
   they begin again; a block is a whole number of periods. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{% set whole = (n + 15) // 16 * 16 %}
{% set step = 16 if L > 1 else 1 %}
{% set wide_in = 4 if mode == "quantize" else 1 %}
{% set wide_out = 4 if mode == "dequantize" else 1 %}
{# Sums of eight channels each, in 16 bits, in $v_sx and $v_sy. #}
{% macro sums() %}
(local.set $v_a (v128.load @i_pa))
(local.set $v_b (v128.load @i_pb))
(local.set $v_x (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 @v_a @v_b))
(local.set $v_y (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 @v_a @v_b))
{% set pairs = "(v128.const i16x8%s)" % ((" %d %d" % (a_multiplier, b_multiplier)) * 4) %}
{% for name in ("x", "y") %}
{% macro part(half) %}(i32x4.shr_s (i32x4.add (i32x4.dot_i16x8_s (i16x8.extend_{{ half }}_i8x16_u @v_{{ name }}) {{ pairs }}) {{ q.words(offset) }}) #{{ shift }}){% endmacro %}
(local.set $v_s{{ name }} (i16x8.narrow_i32x4_s {{ part("low") }} {{ part("high") }}))
{% endfor %}
{% endmacro %}
{% macro simd_add() %}
{{ sums() }}
(v128.store @i_pc {{ q.pack("@v_sx", "@v_sy") }})
{% endmacro %}
{% macro simd_prelu() %}
{{ sums() }}
{% for name, at in (("x", 0), ("y", 32)) %}
(local.set $v_a (i16x8.max_s @v_s{{ name }} {{ q.shorts(0) }}))
(local.set $v_b (i16x8.min_s @v_s{{ name }} {{ q.shorts(0) }}))
{% macro part(order, at) %}(i32x4.shr_s (i32x4.add (i32x4.dot_i16x8_s (i8x16.shuffle {{ order }} @v_a @v_b) (v128.load offset={{ at }} @i_sp)) {{ q.words(out_offset) }}) #{{ out_shift }}){% endmacro %}
(local.set $v_s{{ name }} (i16x8.narrow_i32x4_s {{ part("0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23", at) }} {{ part("8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31", at + 16) }}))
{% endfor %}
(v128.store @i_pc {{ q.pack("@v_sx", "@v_sy") }})
{% endmacro %}
{% macro simd_quantize() %}
{% macro part(at) %}(i32x4.trunc_sat_f32x4_s (f32x4.nearest (f32x4.mul (v128.load offset={{ at }} @i_pa) {{ vconst(factor) }}))){% endmacro %}
{% for i in range(2) %}
(local.set $v_s{{ i }} (i16x8.add_sat_s (i16x8.narrow_i32x4_s {{ part(32 * i) }} {{ part(32 * i + 16) }}) {{ q.shorts(zero) }}))
{% endfor %}
(v128.store @i_pc {{ q.pack("@v_s0", "@v_s1") }})
{% endmacro %}
{% macro simd_dequantize() %}
(local.set $v_a (v128.load @i_pa))
{% for i, first in ((0, "low"), (1, "high")) %}
(local.set $v_s (i16x8.sub (i16x8.extend_{{ first }}_i8x16_u @v_a) {{ q.shorts(zero) }}))
{% for j, second in ((0, "low"), (1, "high")) %}
(v128.store offset={{ 32 * i + 16 * j }} @i_pc (f32x4.mul (f32x4.convert_i32x4_s (i32x4.extend_{{ second }}_i16x8_s @v_s)) {{ vconst(factor) }}))
{% endfor %}
{% endfor %}
{% endmacro %}
{% macro scalar() %}
{% if mode == "add" %}
(local.set $i_s (i32.add (i32.mul (i32.load8_u @i_pa) #{{ a_multiplier }}) (i32.mul (i32.load8_u @i_pb) #{{ b_multiplier }})))
(local.set $i_s (i32.shr_s (i32.add @i_s #{{ offset }}) #{{ shift }}))
{{ q.clamp("s", 0, 127) }}
(i32.store8 @i_pc @i_s)
{% elif mode == "prelu" %}
(local.set $i_s (i32.add (i32.mul (i32.load8_u @i_pa) #{{ a_multiplier }}) (i32.mul (i32.load8_u @i_pb) #{{ b_multiplier }})))
(local.set $i_s (i32.shr_s (i32.add @i_s #{{ offset }}) #{{ shift }}))
{{ q.clamp("s", -32768, 32767) }}
(local.set $i_s (i32.mul @i_s (select (i32.load16_s offset=2 @i_sp) (i32.load16_s @i_sp) (i32.lt_s @i_s #0))))
(local.set $i_s (i32.shr_s (i32.add @i_s #{{ out_offset }}) #{{ out_shift }}))
{{ q.clamp("s", 0, 127) }}
(i32.store8 @i_pc @i_s)
{% elif mode == "quantize" %}
(local.set $i_s (i32.trunc_sat_f32_s (f32.nearest (f32.mul (f32.load @i_pa) {{ vconst(factor) }}))))
{{ q.clamp("s", -127, 127) }}
(local.set $i_s (i32.add @i_s #{{ zero }}))
{{ q.clamp("s", 0, 127) }}
(i32.store8 @i_pc @i_s)
{% else %}
(f32.store @i_pc (f32.mul (f32.convert_i32_s (i32.sub (i32.load8_u @i_pa) #{{ zero }})) {{ vconst(factor) }}))
{% endif %}
{% endmacro %}
(local.set $i_e (i32.mul @lo #{{ block }}))
(local.set $i_end (i32.mul @hi #{{ block }}))
(local.set $i_end (select @i_end #{{ whole }} (i32.lt_u @i_end #{{ whole }})))
(local.set $i_pa (i32.add @a (i32.mul @i_e #{{ wide_in }})))
(local.set $i_pc (i32.add @c (i32.mul @i_e #{{ wide_out }})))
{% if mode in ("add", "prelu") %}
(local.set $i_pb (i32.add @b @i_e))
{% endif %}
{% if mode == "prelu" %}
(local.set $i_sp @slopes)
{% endif %}
(if (i32.lt_u @i_e @i_end) (then (loop $L_e
{% if L == 1 %}
{{ scalar() }}
{% else %}
{{ {"add": simd_add, "prelu": simd_prelu, "quantize": simd_quantize, "dequantize": simd_dequantize}[mode]() }}
{% endif %}
{{ m.bump("i_pa", step * wide_in) }}
{{ m.bump("i_pc", step * wide_out) }}
{% if mode in ("add", "prelu") %}
{{ m.bump("i_pb", step) }}
{% endif %}
{% if mode == "prelu" %}
{{ m.bump("i_sp", 4 * step) }}
(local.set $i_sp (select @slopes @i_sp (i32.eq @i_sp (i32.add @slopes #{{ 4 * period }}))))
{% endif %}
(br_if $L_e (i32.lt_u (local.tee $i_e (i32.add @i_e #{{ step }})) @i_end)))))
