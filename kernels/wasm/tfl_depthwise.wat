{# Integer depthwise convolution by TensorFlow Lite's rules, channels last, eight channels at a time: the rows under the
   window are in scratch with padding around them, and two taps are a dot product of 16 bits. Weights are 16 bits
   without their zero point, [group][tap / 2][8][2]; biases have the input's zero point in them; for `multiplier` see
   rescaled. lo..hi are output rows of all images. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{% import "tfl_macros.wat" as t with context %}
{% set tap_bytes = under.step * under.pitch %}
{% set taps = w.kh * w.kw %}
{# `mo` outputs side by side, which share the weights. #}
{% macro outputs(mo) %}
{% for j in range(2) %}
(local.set $v_w (v128.load offset={{ 16 * j }} @i_bp))
{% for o in range(mo) %}
(local.set $v_c{{ o }}_{{ j }} @v_w)
{% endfor %}
{% endfor %}
(block $E_taps
{% for first in range(0, taps, 2) %}
{{ m.cut("taps") }}
{% for o in range(mo) %}
{% for u, tap in ((0, first), (1, [first + 1, taps - 1] | min)) %}
(local.set $v_x{{ u }} (v128.load8x8_{{ sign }} offset={{ tap // w.kw * tap_bytes + (tap % w.kw * w.dilation[1] + o * w.stride[1]) * ch }} @i_ap))
{% endfor %}
{% for j, order in ((0, "0 1 16 17 2 3 18 19 4 5 20 21 6 7 22 23"), (1, "8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31")) %}
(local.set $v_c{{ o }}_{{ j }} (i32x4.add @v_c{{ o }}_{{ j }} (i32x4.dot_i16x8_s (i8x16.shuffle {{ order }} @v_x0 @v_x1) (v128.load offset={{ 16 * (first + j) }} @i_wp))))
{% endfor %}
{% endfor %}
{% endfor %}
)
{% for o in range(mo) %}
{% for j in range(2) %}
{{ t.rescaled("c%d_%d" % (o, j), 16 * j, 8) }}
{% endfor %}
{% endfor %}
{% set places = [] %}
{% for o in range(mo) %}{% do places.append(("c%d" % o, o * ch)) %}{% endfor %}
{{ t.store_eights(places, sign, lowest, highest, [ch, 8] | min) }}
{{ m.bump("i_ap", mo * w.stride[1] * ch) }}
{{ m.bump("i_cp", mo * ch) }}
{% endmacro %}
(local.set $i_never (i32.load #0))
{% call t.rows_under(w, under, "@x", ch, zero) %}
(local.set $i_co (i32.add @c (i32.mul @i_row #{{ w.out_w * ch }})))
{% set count = (ch + 7) // 8 %}
{% call m.repeat("g", "#%d" % count) %}
{% set last = [ch - 8, 0] | max %}
(local.set $i_index (i32.sub #{{ count }} @i_g))
(local.set $i_ch (i32.shl @i_index #3))
(local.set $i_ch (select @i_ch #{{ last }} (i32.lt_u @i_ch #{{ last }})))
(local.set $i_wp (i32.add @w (i32.mul @i_index #{{ 16 * (taps + taps % 2) }})))
(local.set $i_bp (i32.add @bias (i32.shl @i_index #5)))
(local.set $i_mp (i32.add @multiplier (i32.mul @i_index #{{ 8 * t.bytes_of_scaling }})))
(local.set $i_ap (i32.add @i_under @i_ch))
(local.set $i_cp (i32.add @i_co @i_ch))
{% if w.out_w // mo %}
{% call m.repeat("ox", "#%d" % (w.out_w // mo)) %}
{{ outputs(mo) }}
{% endcall %}
{% endif %}
{% if w.out_w % mo %}
{{ outputs(w.out_w % mo) }}
{% endif %}
{% endcall %}
{% endcall %}
