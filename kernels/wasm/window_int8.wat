{# Integer pooling, channels last: the rows under the window are copied to scratch with padding around them, then sixteen
   channels at a time; and, one channel at a time, the depthwise convolution (`dot`) of machines without vectors, with
   weights as [taps][channels]. lo..hi are output rows of all images. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{% set row_bytes = (w.in_w + w.left + w.right) * ch + 16 %}
{% set width = [ch, 16] | min %}
{# Runs the body for every tap with $i_tp at its bytes. #}
{% macro each_tap() %}
{% set body = caller %}
(local.set $i_tr @i_ap)
{% call m.repeat("ky", "#%d" % w.kh) %}
(local.set $i_tp @i_tr)
{% call m.repeat("kx", "#%d" % w.kw) %}
{{ body() }}
{{ m.bump("i_tp", w.dilation[1] * ch) }}
{% endcall %}
{{ m.bump("i_tr", row_bytes) }}
{% endcall %}
{% endmacro %}
{% macro greatest() %}
(local.set $v_o {{ q.bytes(0) }})
{% call each_tap() %}
(local.set $v_o (i8x16.max_u @v_o (v128.load @i_tp)))
{% endcall %}
{% endmacro %}
{% macro sum() %}
(local.set $v_lo {{ q.shorts(0) }})
(local.set $v_hi {{ q.shorts(0) }})
{% call each_tap() %}
(local.set $v_p (v128.load @i_tp))
(local.set $v_lo (i16x8.add @v_lo (i16x8.extend_low_i8x16_u @v_p)))
(local.set $v_hi (i16x8.add @v_hi (i16x8.extend_high_i8x16_u @v_p)))
{% endcall %}
{% macro part(name, half) %}(i32x4.shr_s (i32x4.add (i32x4.extmul_{{ half }}_i16x8_s @v_{{ name }} {{ q.shorts(multiplier) }}) {{ q.words(offset) }}) #{{ shift }}){% endmacro %}
{% for name in ("lo", "hi") %}
(local.set $v_{{ name }} (i16x8.narrow_i32x4_s {{ part(name, "low") }} {{ part(name, "high") }}))
{% endfor %}
(local.set $v_o {{ q.pack("@v_lo", "@v_hi") }})
{% endmacro %}
{% macro scalar() %}
(local.set $i_s {{ "(i32.load @i_bp)" if mode == "dot" else "#0" }})
{% if mode == "dot" %}
(local.set $i_wk @i_wp)
{% endif %}
{% call each_tap() %}
(local.set $i_a (i32.load8_u @i_tp))
{% if mode == "dot" %}
(local.set $i_s (i32.add @i_s (i32.mul @i_a (i32.load8_s @i_wk))))
{{ m.bump("i_wk", ch) }}
{% elif mode == "max" %}
(local.set $i_s (select @i_s @i_a (i32.gt_u @i_s @i_a)))
{% else %}
(local.set $i_s (i32.add @i_s @i_a))
{% endif %}
{% endcall %}
{% if mode == "dot" %}
{{ q.requantize("s", shift, out_zero, "(i32.load16_u @i_mp)") }}
{% elif mode == "sum" %}
(local.set $i_s (i32.shr_s (i32.add (i32.mul @i_s #{{ multiplier }}) #{{ offset }}) #{{ shift }}))
{{ q.clamp("s", 0, 127) }}
{% endif %}
(i32.store8 @i_cp @i_s)
{% endmacro %}
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
{% set step = 16 if L > 1 else 1 %}
{% set count = (ch + step - 1) // step %}
{% call m.repeat("g", "#%d" % count) %}
{% set last = [ch - step, 0] | max %}
(local.set $i_index (i32.sub #{{ count }} @i_g))
(local.set $i_ch (i32.mul @i_index #{{ step }}))
(local.set $i_ch (select @i_ch #{{ last }} (i32.lt_u @i_ch #{{ last }})))
{% if mode == "dot" %}
(local.set $i_wp (i32.add @w @i_index))
(local.set $i_bp (i32.add @bias (i32.mul @i_index #4)))
(local.set $i_mp (i32.add @multiplier (i32.mul @i_index #2)))
{% endif %}
(local.set $i_ap (i32.add @scratch @i_ch))
(local.set $i_cp (i32.add @i_co @i_ch))
{% call m.repeat("ox", "#%d" % w.out_w) %}
{% if L > 1 %}
{{ {"max": greatest, "sum": sum}[mode]() }}
{{ q.store_bytes("@i_cp", "o", width) }}
{% else %}
{{ scalar() }}
{% endif %}
{{ m.bump("i_ap", w.stride[1] * ch) }}
{{ m.bump("i_cp", ch) }}
{% endcall %}
{% endcall %}
{% endcall %}
