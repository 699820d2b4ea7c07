{# Convolutions of any kind by TensorFlow Lite's rules, one element at a time: grouped ones and depthwise ones, transposed
   ones (`up`, the stride), dense layers (rows are an image of one column), of 8 or 16 `bits`. Weights are 16 bits without
   their zero point, [out][window row][window column][channel of the group], `per` channels a group. `how` sums become
   values: fixed, with (multiplier, bits to the left, to the right, -1 where there are any to the right) for each channel;
   short, with (multiplier, bits to the right); or factors. With `dots`, eight products are summed at once, in 32 bits.
   lo..hi are output rows of all images. #}
{% import "macros.wat" as m with context %}
{% import "tfl_scalar.wat" as t with context %}
{% set item = bits // 8 %}
{% set unroll = 4 if per % 4 == 0 else 1 %}
{% set span = 2 * w.kh * w.kw * per %}
{# $i_<name>: the old place of a tap on an axis; then the body where there is one. #}
{% macro tap(name, tap, place, stride, dilation, before, length) %}
{% if up %}
(local.set $i_{{ name }} (i32.sub (i32.add {{ place }} #{{ before }}) {{ tap }}))
(if (i32.and (i32.eqz (i32.rem_u @i_{{ name }} #{{ stride }})) (i32.lt_u @i_{{ name }} #{{ length * stride }})) (then
(local.set $i_{{ name }} (i32.div_u @i_{{ name }} #{{ stride }}))
{% else %}
(local.set $i_{{ name }} (i32.sub (i32.add (i32.mul {{ place }} #{{ stride }}) (i32.mul {{ tap }} #{{ dilation }})) #{{ before }}))
(if (i32.lt_u @i_{{ name }} #{{ length }}) (then
{% endif %}
{{ caller() }}
))
{% endmacro %}
{% macro sums() %}
(local.set $i_p (i32.add @i_line (i32.mul @i_ix #{{ item * ch }})))
(local.set $i_q (i32.add @i_w (i32.mul (i32.add (i32.mul @i_ky #{{ w.kw }}) @i_kx) #{{ 2 * per }})))
{% if dots %}
{% set zeros = "(v128.const i16x8%s)" % ((" %d" % zero) * 8) %}
{% set pixels = "(v128.load @i_p)" if bits == 16 else "(v128.load8x8_%s @i_p)" % sign %}
{% call m.repeat("k", "#%d" % (per // 8)) %}
(local.set $v_s (i32x4.add @v_s (i32x4.dot_i16x8_s (i16x8.sub {{ pixels }} {{ zeros }}) (v128.load @i_q))))
{{ m.bump("i_p", 8 * item) }}
{{ m.bump("i_q", 16) }}
{% endcall %}
{% else %}
{% call m.repeat("k", "#%d" % (per // unroll)) %}
{% for u in range(unroll) %}
(local.set $l_s (i64.add @l_s (i64.mul (i64.sub (i64.load{{ bits }}_{{ sign }} offset={{ item * u }} @i_p) (i64.const {{ zero }})) (i64.load16_s offset={{ 2 * u }} @i_q))))
{% endfor %}
{{ m.bump("i_p", item * unroll) }}
{{ m.bump("i_q", 2 * unroll) }}
{% endcall %}
{% endif %}
{% endmacro %}
{% macro columns() %}
(local.set $i_line (i32.add @i_image (i32.mul @i_iy #{{ item * ch * w.in_w }})))
{% call m.for("kx", "#0", "#%d" % w.kw) %}
{% call tap("ix", "@i_kx", "@i_ox", w.stride[1], w.dilation[1], w.left, w.in_w) %}
{{ sums() }}
{% endcall %}
{% endcall %}
{% endmacro %}
{% macro value() %}
{% if how == "fixed" %}
(local.set $l_s (i64.shl @l_s (i64.load offset=8 @i_m)))
{{ t.high_product("s", "(i64.load @i_m)") }}
(local.set $l_b (i64.load offset=16 @i_m))
(local.set $l_s (i64.add @l_s (i64.and (i64.shr_s @l_s (i64.const 63)) (i64.load offset=24 @i_m))))
(local.set $l_s (i64.shr_s (i64.add @l_s (i64.shr_u (i64.shl (i64.const 1) @l_b) (i64.const 1))) @l_b))
{{ m.bump("i_m", 32) }}
{% elif how == "short" %}
(local.set $l_b (i64.load offset=8 @i_m))
(local.set $l_s (i64.shr_s (i64.add (i64.mul @l_s (i64.load @i_m)) (i64.shr_u (i64.shl (i64.const 1) @l_b) (i64.const 1))) @l_b))
{{ m.bump("i_m", 16) }}
{% else %}
(local.set $d_p (f64.mul (f64.convert_i64_s @l_s) (f64.load @i_m)))
(local.set $l_s (i64.trunc_sat_f64_s (f64.min (f64.floor (f64.add (f64.abs @d_p) (f64.const 0.5))) (f64.const 1099511627776))))
(local.set $l_s (select (i64.sub (i64.const 0) @l_s) @l_s (f64.lt @d_p (f64.const 0))))
{{ m.bump("i_m", 8) }}
{% endif %}
(local.set $l_s (i64.add @l_s (i64.const {{ out_zero }})))
{{ t.clamp("s", lowest, highest) }}
(i64.store{{ bits }} @i_c @l_s)
{{ m.bump("i_c", item) }}
{% endmacro %}
(local.set $i_c (i32.add @c (i32.mul @lo #{{ item * w.out_w * n }})))
{% call m.for("row", "@lo", "@hi") %}
(local.set $i_oy (i32.rem_u @i_row #{{ w.out_h }}))
{% call m.for("ox", "#0", "#%d" % w.out_w) %}
(local.set $i_m @multiplier)
(local.set $i_w @w)
{% call m.for("o", "#0", "#%d" % n) %}
(local.set $i_image (i32.mul (i32.div_u @i_row #{{ w.out_h }}) #{{ w.in_h * w.in_w * ch }}))
(local.set $i_image (i32.add @i_image (i32.mul (i32.div_u @i_o #{{ n * per // ch }}) #{{ per }})))
(local.set $i_image (i32.add @x (i32.mul @i_image #{{ item }})))
(local.set $l_s (i64.load32_s (i32.add @bias (i32.shl @i_o #2))))
{% if dots %}
(local.set $v_s (v128.const i64x2 0 0))
{% endif %}
{% call m.for("ky", "#0", "#%d" % w.kh) %}
{% call tap("iy", "@i_ky", "@i_oy", w.stride[0], w.dilation[0], w.top, w.in_h) %}
{{ columns() }}
{% endcall %}
{% endcall %}
{{ m.bump("i_w", span) }}
{% if dots %}
{% for lane in range(4) %}
(local.set $l_s (i64.add @l_s (i64.extend_i32_s (i32x4.extract_lane {{ lane }} @v_s))))
{% endfor %}
{% endif %}
{{ value() }}
{% endcall %}
{% endcall %}
{% endcall %}
