{# What recurrent operators of TensorFlow Lite's bytes have in common: rows of weights, and gemmlowp's functions of 16 bits.
   `k` are constants of 16 bits. Values are in $l_<name>, of 64 bits. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{% import "tfl_scalar.wat" as t with context %}

{# $l_<name> = the sum of `depth` bytes from @i_p on, without `zero`, times those of a row of weights of `pitch` bytes at
   @i_w, behind which $i_w is then. Behind the `depth` bytes of a row are zeros. #}
{% macro row_sum(name, depth, pitch, zero) %}
{% if L > 1 %}
(local.set $v_d (v128.const i32x4 0 0 0 0))
{% call m.repeat("d", "#%d" % (pitch // 8)) %}
(local.set $v_d (i32x4.add @v_d (i32x4.dot_i16x8_s (i16x8.sub (v128.load8x8_s @i_p) {{ q.shorts(zero) }}) (v128.load8x8_s @i_w))))
{{ m.bump("i_p", 8) }}
{{ m.bump("i_w", 8) }}
{% endcall %}
(local.set $l_{{ name }} (i64.extend_i32_s (i32.add
  (i32.add (i32x4.extract_lane 0 @v_d) (i32x4.extract_lane 1 @v_d)) (i32.add (i32x4.extract_lane 2 @v_d) (i32x4.extract_lane 3 @v_d)))))
{% else %}
(local.set $i_sum #0)
{% call m.repeat("d", "#%d" % depth) %}
(local.set $i_sum (i32.add @i_sum (i32.mul (i32.sub (i32.load8_s @i_p) #{{ zero }}) (i32.load8_s @i_w))))
{{ m.bump("i_p", 1) }}
{{ m.bump("i_w", 1) }}
{% endcall %}
{{ m.bump("i_w", pitch - depth) }}
(local.set $l_{{ name }} (i64.extend_i32_s @i_sum))
{% endif %}
{% endmacro %}

{# $l_<name> within 16 bits. #}
{% macro short(name) %}{{ t.clamp(name, -32768, 32767) }}{% endmacro %}

{# $l_<to> = a * b / 2^15, halves upwards; a and b are text. #}
{% macro times(to, a, b) %}
(local.set $l_{{ to }} (i64.shr_s (i64.add (i64.mul {{ a }} {{ b }}) (i64.const 16384)) (i64.const 15)))
(local.set $l_{{ to }} (select @l_{{ to }} (i64.const 32767) (i64.lt_s @l_{{ to }} (i64.const 32767))))
{% endmacro %}

{# $l_e = exp of -|$l_<x>|, which has `bits` integer bits, as Q0: a series around -1/8, then a factor for each bit above
   1/4. #}
{% macro exp(x, bits, k) %}
{% set fraction = 15 - bits %}
{% set quarter = 2 ** (fraction - 2) %}
(local.set $l_n (select @l_{{ x }} (i64.sub (i64.const 0) @l_{{ x }}) (i64.lt_s @l_{{ x }} (i64.const 0))))
(local.set $l_part (i64.sub (i64.and @l_n (i64.const {{ quarter - 1 }})) (i64.const {{ quarter }})))
(local.set $l_rest (i64.sub @l_part @l_n))
(local.set $l_y (i64.add (i64.shl @l_part (i64.const {{ bits }})) (i64.const 4096)))
{{ times("y2", "@l_y", "@l_y") }}
{{ times("y4", "@l_y2", "@l_y2") }}
{{ times("e", "@l_y2", "@l_y") }}
{{ t.rounding_shift("y4", "(i64.const 2)") }}
{{ times("e", "(i64.add @l_y4 @l_e)", "(i64.const %d)" % k.third) }}
(local.set $l_e (i64.add @l_e @l_y2))
{{ t.rounding_shift("e", "(i64.const 1)") }}
{{ times("e", "(i64.add @l_y @l_e)", "(i64.const %d)" % k.eighth) }}
(local.set $l_e (i64.add @l_e (i64.const {{ k.eighth }})))
{% for power in k.powers[:bits + 2] %}
(if (i64.ne (i64.and @l_rest (i64.const {{ 2 ** (fraction + loop.index0 - 2) }})) (i64.const 0)) (then
{{ times("e", "@l_e", "(i64.const %d)" % power) }}
))
{% endfor %}
{% if bits > 5 %}
(local.set $l_e (select (i64.const 0) @l_e (i64.lt_s @l_n (i64.const {{ -(2 ** (fraction + 5)) }}))))
{% endif %}
(local.set $l_e (select (i64.const 32767) @l_e (i64.eqz @l_n)))
{% endmacro %}

{# $l_e = 1 / (1 + $l_e) as Q1: three steps of Newton's method. #}
{% macro reciprocal(k) %}
(local.set $l_half (i64.shr_s (i64.add @l_e (i64.const 32768)) (i64.const 1)))
{{ times("e", "@l_half", "(i64.const %d)" % k.slope) }}
(local.set $l_e (i64.add @l_e (i64.const {{ k.start }})))
{% for _ in range(3) %}
{{ times("y", "@l_half", "@l_e") }}
{{ times("y", "@l_e", "(i64.sub (i64.const 8192) @l_y)") }}
(local.set $l_y (i64.shl @l_y (i64.const 2)))
{{ short("y") }}
(local.set $l_e (i64.add @l_e @l_y))
{% endfor %}
{% endmacro %}

{# $l_<x>, which has `bits` integer bits, becomes its sigmoid as Q0. #}
{% macro sigmoid(x, bits, k) %}
{{ exp(x, bits, k) }}
{{ reciprocal(k) }}
(local.set $l_e (i64.shl @l_e (i64.const 1)))
{{ short("e") }}
(local.set $l_e (select @l_e (i64.sub (i64.const 32767) @l_e) (i64.gt_s @l_{{ x }} (i64.const 0))))
(local.set $l_{{ x }} (select (i64.const 16384) @l_e (i64.eqz @l_{{ x }})))
{% endmacro %}

{# The same with the hyperbolic tangent: (1 - e) / (1 + e) with e = exp(-2 |x|). #}
{% macro tanh(x, bits, k) %}
{{ exp(x, bits + 1, k) }}
{{ reciprocal(k) }}
(local.set $l_e (i64.shl (i64.sub @l_e (i64.const 8192)) (i64.const 2)))
{{ short("e") }}
(local.set $l_e (select @l_e (i64.sub (i64.const 0) @l_e) (i64.gt_s @l_{{ x }} (i64.const 0))))
(local.set $l_{{ x }} (select (i64.const 0) @l_e (i64.eqz @l_{{ x }})))
{% endmacro %}
