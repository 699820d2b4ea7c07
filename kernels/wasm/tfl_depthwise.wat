{# Integer depthwise convolution by TensorFlow Lite's rules, channels last, eight channels at a time: the rows under the
   window are copied to scratch with padding around them, and each tap is a product of 16 bits. Weights are 16 bits
   without their zero point, [group][tap][8]; biases have the input's zero point in them; for `multiplier` see
   requantize. lo..hi are output rows of all images. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{% import "tfl_macros.wat" as t with context %}
{% set row_bytes = (w.in_w + w.left + w.right) * ch + 16 %}
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
{% for ky in range(w.kh) %}
{% for kx in range(w.kw) %}
{{ m.cut("taps") }}
(local.set $v_w (v128.load offset={{ 16 * (ky * w.kw + kx) }} @i_wp))
{% for o in range(mo) %}
(local.set $v_x (v128.load8x8_{{ sign }} offset={{ ky * row_bytes + (kx * w.dilation[1] + o * w.stride[1]) * ch }} @i_ap))
{% for j, half in ((0, "low"), (1, "high")) %}
(local.set $v_c{{ o }}_{{ j }} (i32x4.add @v_c{{ o }}_{{ j }} (i32x4.extmul_{{ half }}_i16x8_s @v_x @v_w)))
{% endfor %}
{% endfor %}
{% endfor %}
{% endfor %}
)
{% for o in range(mo) %}
{% for j in range(2) %}
{{ t.requantize("c%d_%d" % (o, j), 16 * j, 8, out_zero) }}
{% endfor %}
{{ t.pack(["c%d_0" % o, "c%d_1" % o], sign, lowest, highest) }}
{{ q.store_bytes("(i32.add @i_cp #%d)" % (o * ch), "o", [ch, 8] | min) }}
{% endfor %}
{{ m.bump("i_ap", mo * w.stride[1] * ch) }}
{{ m.bump("i_cp", mo * ch) }}
{% endmacro %}
(local.set $i_never (i32.load #0))
{{ m.fill_bytes("@scratch", row_bytes * w.kh, zero) }}
{% call m.for("row", "@lo", "@hi") %}
(local.set $i_image (i32.div_u @i_row #{{ w.out_h }}))
(local.set $i_iy (i32.sub (i32.mul (i32.rem_u @i_row #{{ w.out_h }}) #{{ w.stride[0] }}) #{{ w.top }}))
(local.set $i_image (i32.add @x (i32.mul @i_image #{{ w.in_h * w.in_w * ch }})))
(local.set $i_to (i32.add @scratch #{{ w.left * ch }}))
{% call m.repeat("ky", "#%d" % w.kh) %}
(if (i32.lt_u @i_iy #{{ w.in_h }}) (then
{{ q.copy_bytes("@i_to", "(i32.add @i_image (i32.mul @i_iy #%d))" % (w.in_w * ch), w.in_w * ch) }}
) (else
{{ m.fill_bytes("@i_to", w.in_w * ch, zero) }}
))
{{ m.bump("i_iy", w.dilation[0]) }}
{{ m.bump("i_to", row_bytes) }}
{% endcall %}
(local.set $i_co (i32.add @c (i32.mul @i_row #{{ w.out_w * ch }})))
{% set count = (ch + 7) // 8 %}
{% call m.repeat("g", "#%d" % count) %}
{% set last = [ch - 8, 0] | max %}
(local.set $i_index (i32.sub #{{ count }} @i_g))
(local.set $i_ch (i32.shl @i_index #3))
(local.set $i_ch (select @i_ch #{{ last }} (i32.lt_u @i_ch #{{ last }})))
(local.set $i_wp (i32.add @w (i32.mul @i_index #{{ 16 * taps }})))
(local.set $i_bp (i32.add @bias (i32.shl @i_index #5)))
(local.set $i_mp (i32.add @multiplier (i32.mul @i_index #96)))
(local.set $i_ap (i32.add @scratch @i_ch))
(local.set $i_cp (i32.add @i_co @i_ch))
{% if w.out_w // 2 %}
{% call m.repeat("ox", "#%d" % (w.out_w // 2)) %}
{{ outputs(2) }}
{% endcall %}
{% endif %}
{% if w.out_w % 2 %}
{{ outputs(1) }}
{% endif %}
{% endcall %}
{% endcall %}
