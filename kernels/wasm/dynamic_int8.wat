{# A product whose activations are quantized here, each row by its own largest value: rows of floats become 64 + (-63..63)
   in scratch, and sums of integers become floats again. Since 64 stands for 0, sums begin at -64 times the sum of the
   weights (`bias`). Weights come as [group][k / 4][8][4]; the last group overlaps. lo..hi are rows. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{% macro largest() %}
(local.set $f_peak (f32.const 0))
(local.set $i_p @i_row)
{% call m.repeat("k", "#%d" % k) %}
(local.set $f_peak (f32.max @f_peak (f32.abs (f32.load @i_p))))
{{ m.bump("i_p", 4) }}
{% endcall %}
{% endmacro %}
(local.set $i_never (i32.load #0))
{{ m.fill_bytes("@scratch", 4 * k4, 64) }}
{% call m.for("r", "@lo", "@hi") %}
(local.set $i_row (i32.add @x (i32.mul @i_r #{{ 4 * k }})))
{{ largest() }}
(local.set $f_step (f32.const 1))
(if (f32.gt @f_peak (f32.const 0)) (then (local.set $f_step (f32.div @f_peak (f32.const 63)))))
(local.set $i_p @i_row)
(local.set $i_to @scratch)
{% call m.repeat("k", "#%d" % k) %}
(i32.store8 @i_to (i32.add #64 (i32.trunc_sat_f32_s (f32.nearest (f32.div (f32.load @i_p) @f_step)))))
{{ m.bump("i_p", 4) }}
{{ m.bump("i_to", 1) }}
{% endcall %}
{% call m.repeat("g", "#%d" % groups) %}
(local.set $i_index (i32.sub #{{ groups }} @i_g))
{% set last = [n - 8, 0] | max %}
(local.set $i_n0 (i32.mul @i_index #8))
(local.set $i_n0 (select @i_n0 #{{ last }} (i32.lt_u @i_n0 #{{ last }})))
(local.set $i_wk (i32.add @w (i32.mul @i_index #{{ 32 * k4 }})))
(local.set $i_bp (i32.add @bias (i32.mul @i_index #32)))
(local.set $i_sp (i32.add @scales (i32.mul @i_index #32)))
(local.set $i_cp (i32.add @c (i32.shl (i32.add @i_n0 (i32.mul @i_r #{{ n }})) #2)))
(local.set $i_ak @scratch)
{% if L > 1 %}
(local.set $v_c0 (v128.load @i_bp))
(local.set $v_c1 (v128.load offset=16 @i_bp))
{% call m.repeat("k", "#%d" % k4) %}
(local.set $v_a (v128.load32_splat @i_ak))
(local.set $v_c0 (i32x4.relaxed_dot_i8x16_i7x16_add_s (v128.load @i_wk) @v_a @v_c0))
(local.set $v_c1 (i32x4.relaxed_dot_i8x16_i7x16_add_s (v128.load offset=16 @i_wk) @v_a @v_c1))
{{ m.bump("i_ak", 4) }}
{{ m.bump("i_wk", 32) }}
{% endcall %}
{% for j in range(2) %}
(local.set $v_o{{ j }} (f32x4.mul (f32x4.convert_i32x4_s @v_c{{ j }}) (f32x4.mul (f32x4.splat @f_step) (v128.load offset={{ 16 * j }} @i_sp))))
{% endfor %}
{% for j in range([n, 8] | min) %}
(v128.store32_lane offset={{ 4 * j }} {{ j % 4 }} @i_cp @v_o{{ j // 4 }})
{% endfor %}
{% else %}
{% for j in range([n, 8] | min) %}
(local.set $i_c{{ j }} (i32.load offset={{ 4 * j }} @i_bp))
{% endfor %}
{% call m.repeat("k", "#%d" % k4) %}
{% for u in range(4) %}
(local.set $i_a (i32.load8_u offset={{ u }} @i_ak))
{% for j in range([n, 8] | min) %}
(local.set $i_c{{ j }} (i32.add @i_c{{ j }} (i32.mul @i_a (i32.load8_s offset={{ 4 * j + u }} @i_wk))))
{% endfor %}
{% endfor %}
{{ m.bump("i_ak", 4) }}
{{ m.bump("i_wk", 32) }}
{% endcall %}
{% for j in range([n, 8] | min) %}
(f32.store offset={{ 4 * j }} @i_cp (f32.mul (f32.convert_i32_s @i_c{{ j }}) (f32.mul @f_step (f32.load offset={{ 4 * j }} @i_sp))))
{% endfor %}
{% endif %}
{% endcall %}
{% endcall %}
