{# What kernels of TensorFlow Lite's bytes have in common: rows under a window, and the roundings of four channels. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}

{# For each output row from @lo to @hi, $i_row: the body, with the rows under the window from $i_under on, see
   tflite_rows.py. Columns and rows beside the image are the input's zero. #}
{% macro rows_under(w, under, x, ch, zero) %}
{% set body = caller %}
{% set spread = under.block > 1 %}
{{ m.fill_bytes("@scratch", under.scratch_bytes, zero) }}
(local.set $i_row @lo)
(if (i32.lt_u @i_row @hi) (then (loop $L_rows
(local.set $i_oy (i32.rem_u @i_row #{{ w.out_h }}))
(local.set $i_end (i32.add (i32.sub @i_row @i_oy) #{{ w.out_h }}))
(local.set $i_end (select @i_end @hi (i32.lt_u @i_end @hi)))
(local.set $i_to (i32.add @i_row #{{ under.block }}))
(local.set $i_end (select @i_end @i_to (i32.lt_u @i_end @i_to)))
(local.set $i_image (i32.add {{ x }} (i32.mul (i32.div_u @i_row #{{ w.out_h }}) #{{ w.in_h * w.in_w * ch }})))
(local.set $i_iy (i32.sub (i32.mul @i_oy #{{ w.stride[0] }}) #{{ w.top }}))
(local.set $i_to (i32.add @scratch #{{ w.left * ch }}))
{% set rows = "(i32.add (i32.mul (i32.sub @i_end @i_row) #%d) #%d)" % (under.stride, under.reach - under.stride) %}
{% call m.repeat("ky", rows if spread else "#%d" % under.reach) %}
(if (i32.lt_u @i_iy #{{ w.in_h }}) (then
{{ q.copy_bytes("@i_to", "(i32.add @i_image (i32.mul @i_iy #%d))" % (w.in_w * ch), w.in_w * ch) }}
) (else
{{ m.fill_bytes("@i_to", w.in_w * ch, zero) }}
))
{{ m.bump("i_iy", 1 if spread else w.dilation[0]) }}
{{ m.bump("i_to", under.pitch) }}
{% endcall %}
(local.set $i_under @scratch)
(loop $L_row
{{ body() }}
{{ m.bump("i_under", under.stride * under.pitch) }}
(br_if $L_row (i32.lt_u (local.tee $i_row (i32.add @i_row #1)) @i_end)))
(br_if $L_rows (i32.lt_u @i_row @hi)))))
{% endmacro %}
{% macro words_of(low, high) %}(i8x16.shuffle 0 1 2 3 8 9 10 11 16 17 18 19 24 25 26 27 {{ low }} {{ high }}){% endmacro %}

{# The bits from the 31st on of the 64-bit products of $v_<name> and $v_m, to which `add` is added before. #}
{% macro high_product(name, add) %}
{% set parts = [] %}
{% for half in ("low", "high") %}
{% set product = "(i64x2.extmul_%s_i32x4_s @v_%s @v_m)" % (half, name) %}
{% do parts.append("(i64x2.shr_u %s #31)" % ("(i64x2.add %s (v128.const i64x2 %d %d))" % (product, add, add) if add else product)) %}
{% endfor %}
(local.set $v_{{ name }} {{ words_of(parts[0], parts[1]) }})
{% endmacro %}

{# Requantizes the sums $v_<name> of four channels in place: `MultiplyByQuantizedMultiplier`, and the zero point. For each
   group of `nr` channels at $i_mp there are the multipliers, half of 2^n and 2^(31 - n), n at least 1 being the shift to
   the right: a product with the last, shifted by 31, is a shift by a number of each channel's own. #}
{% macro requantize(name, at, nr, zero) %}
(local.set $v_m (v128.load offset={{ at }} @i_mp))
{{ high_product(name, 1073741824) }}
(local.set $v_{{ name }} (i32x4.add (i32x4.add @v_{{ name }} (i32x4.shr_s @v_{{ name }} #31)) (v128.load offset={{ at + 4 * nr }} @i_mp)))
(local.set $v_m (v128.load offset={{ at + 8 * nr }} @i_mp))
{{ high_product(name, 0) }}
{% if zero %}
(local.set $v_{{ name }} (i32x4.add @v_{{ name }} (v128.const i32x4 {{ zero }} {{ zero }} {{ zero }} {{ zero }})))
{% endif %}
{% endmacro %}

{# The same where all channels are shifted alike: weights and biases hold a power of two for each channel that makes up
   for the difference, and both roundings are one. floor((floor((a + b) / c) + d) / e) is floor((a + b + c * d) / (c * e)),
   so with P the product, n the shift and r the power, the result is floor((P * r + 2^30 * r + 2^(30 + n) * r -
   [P < 0] * 2^31 * r) / 2^(31 + n) / r). For each group of `nr` channels at $i_mp there are the multipliers, r / 2, and
   the sums of 64 bits that are added, with the zero point in them; the upper words are shifted by `shift`. #}
{% macro requantize_alike(name, at, nr, shift) %}
(local.set $v_m (v128.load offset={{ at }} @i_mp))
(local.set $v_p0 (i64x2.add (i64x2.extmul_low_i32x4_s @v_{{ name }} @v_m) (v128.load offset={{ 8 * nr + 2 * at }} @i_mp)))
(local.set $v_p1 (i64x2.add (i64x2.extmul_high_i32x4_s @v_{{ name }} @v_m) (v128.load offset={{ 8 * nr + 2 * at + 16 }} @i_mp)))
(local.set $v_{{ name }} (v128.and (i32x4.shr_s @v_{{ name }} #31) (v128.load offset={{ at + 4 * nr }} @i_mp)))
(local.set $v_{{ name }} (i32x4.sub (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 @v_p0 @v_p1) @v_{{ name }}))
(local.set $v_{{ name }} (i32x4.shr_s @v_{{ name }} #{{ shift }}))
{% endmacro %}

{# The same by one float64 product, rounded half away from zero: for each group of `nr` channels there are its factors. #}
{% macro scale(name, at, zero) %}
{% set parts = [] %}
{% for half in range(2) %}
{% set low = "@v_" ~ name if half == 0 else "(i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 @v_%s @v_%s)" % (name, name) %}
(local.set $v_p{{ half }} (f64x2.mul (f64x2.convert_low_i32x4_s {{ low }}) (v128.load offset={{ 2 * at + 16 * half }} @i_mp)))
(local.set $v_m (f64x2.floor (f64x2.add (f64x2.abs @v_p{{ half }}) (v128.const f64x2 0.5 0.5))))
(local.set $v_m (f64x2.pmin (v128.const f64x2 1073741824 1073741824) @v_m))
(local.set $v_p{{ half }} (i32x4.trunc_sat_f64x2_s_zero (v128.bitselect @v_p{{ half }} @v_m (v128.const i64x2 0x8000000000000000 0x8000000000000000))))
{% endfor %}
(local.set $v_{{ name }} (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 @v_p0 @v_p1))
{% if zero %}
(local.set $v_{{ name }} (i32x4.add @v_{{ name }} (v128.const i32x4 {{ zero }} {{ zero }} {{ zero }} {{ zero }})))
{% endif %}
{% endmacro %}

{# Where nothing below the zero point is kept, no sum that matters is negative, and one product, an offset and a
   truncation are both roundings: for each group of `nr` channels there are factors and offsets. Values are those of
   unsigned bytes: see pack. float32 is enough where it was tried for every byte, see tflite_scaling.py. #}
{% macro in_float32(name, at, nr) %}
(local.set $v_{{ name }} (i32x4.relaxed_trunc_f32x4_s (f32x4.add (f32x4.mul (f32x4.convert_i32x4_s @v_{{ name }}) (v128.load offset={{ at }} @i_mp)) (v128.load offset={{ at + 4 * nr }} @i_mp))))
{% endmacro %}
{# The offsets have 1.5 * 2^(20 - shift) in them, so that sums have their whole part in the upper word. #}
{% macro in_float64(name, at, nr) %}
{% for half in range(2) %}
{% set low = "@v_" ~ name if half == 0 else "(i8x16.shuffle 8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7 @v_%s @v_%s)" % (name, name) %}
(local.set $v_p{{ half }} (f64x2.add (f64x2.mul (f64x2.convert_low_i32x4_s {{ low }}) (v128.load offset={{ 2 * at + 16 * half }} @i_mp)) (v128.load offset={{ 8 * nr + 2 * at + 16 * half }} @i_mp)))
{% endfor %}
(local.set $v_{{ name }} (i8x16.shuffle 4 5 6 7 12 13 14 15 20 21 22 23 28 29 30 31 @v_p0 @v_p1))
(local.set $v_{{ name }} (i32x4.sub @v_{{ name }} {{ q.words(0x41380000 - shift * 2**20) }}))
{% if shift %}
(local.set $v_{{ name }} (i32x4.shr_s @v_{{ name }} #{{ shift }}))
{% endif %}
{% endmacro %}

{# How the sums of `nr` channels become values: `rescale` is float32, float64, alike, channel or factors. #}
{% macro rescaled(name, at, nr) %}
{% if rescale == "float32" %}
{{ in_float32(name, at, nr) }}
{% elif rescale == "float64" %}
{{ in_float64(name, at, nr) }}
{% elif rescale == "alike" %}
{{ requantize_alike(name, at, nr, shift) }}
{% elif rescale == "channel" %}
{{ requantize(name, at, nr, out_zero) }}
{% else %}
{{ scale(name, at, out_zero) }}
{% endif %}
{% endmacro %}
{% set bytes_of_scaling = {"float32": 8, "float64": 16, "alike": 16, "channel": 12, "factors": 8}[rescale] %}

{# Eight or sixteen bytes within the bounds, of sums by their names: two or four. Those of floats are unsigned: signed
   bytes are 128 less, which is another highest bit. #}
{% macro pack(names, sign, lowest, highest) %}
{% set halves = [] %}
{% for i in range(0, names | length, 2) %}
{% do halves.append("(i16x8.narrow_i32x4_s @v_%s @v_%s)" % (names[i], names[i + 1])) %}
{% endfor %}
{% set own = "u" if rescale in ("float32", "float64") else sign %}
(local.set $v_o (i8x16.narrow_i16x8_{{ own }} {{ halves[0] }} {{ halves[-1] }}))
{% if own != sign %}
(local.set $v_o (v128.xor @v_o (v128.const i8x16{{ " -128" * 16 }})))
{% endif %}
{% set least, most = (-128, 127) if sign == "s" else (0, 255) %}
{% for how, bound, end in (("max", lowest, least), ("min", highest, most)) if bound != end %}
(local.set $v_o (i8x16.{{ how }}_{{ sign }} @v_o (v128.const i8x16{{ (" %d" % bound) * 16 }})))
{% endfor %}
{% endmacro %}

{# Stores the first `n` of each eight bytes that two sums, $v_<name>_0 and $v_<name>_1, become, at $i_cp plus the offset: of
   a list of (name, offset), two at a time. #}
{% macro store_eights(places, sign, lowest, highest, n) %}
{% for two in places | batch(2) %}
{% set names = [] %}
{% for name, _ in two %}{% do names.extend([name ~ "_0", name ~ "_1"]) %}{% endfor %}
{{ pack(names, sign, lowest, highest) }}
{% for _, at in two %}
{{ q.store_bytes("(i32.add @i_cp #%d)" % at, "o", n, 8 * loop.index0) }}
{% endfor %}
{% endfor %}
{% endmacro %}
