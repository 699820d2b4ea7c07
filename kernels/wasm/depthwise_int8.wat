{# Integer depthwise convolution, channels last, sixteen channels at a time. For each output row the input rows under the
   window are first interleaved, so that four rows of a channel lie together: one relaxed dot product then sums four taps
   of four channels, and a column serves every output that it is under. A column takes `quads` (window rows in fours)
   times 64 bytes; weights come as [group][window column][quad][16][4]. Rows beside the image are a row of zeros, which
   begins the scratch. lo..hi are output rows of all images. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{% set quads = (w.kh + 3) // 4 %}
{% set column = 64 * quads %}
{% set width = [ch, 16] | min %}
{% set row = w.in_w * ch %}
{% set order = namespace(low=[], high=[], words_low=[], words_high=[]) %}
{% for x in range(8) %}
{% do order.low.extend([x, 16 + x]) %}
{% do order.high.extend([8 + x, 24 + x]) %}
{% endfor %}
{% for x in range(0, 8, 2) %}
{% do order.words_low.extend([x, x + 1, 16 + x, 17 + x]) %}
{% do order.words_high.extend([8 + x, 9 + x, 24 + x, 25 + x]) %}
{% endfor %}
{% macro mix(how, a, b) %}(i8x16.shuffle {{ order[how] | join(" ") }} @v_{{ a }} @v_{{ b }}){% endmacro %}
{# Sixteen channels of window row `r` at the current column; fewer are fetched by way of memory, as nothing but zeros may
   lie behind them. #}
{% macro fetch(r, at) %}
{% if ch >= 16 %}
(local.set $v_r{{ r % 4 }} (v128.load @i_r{{ r }}))
{% else %}
{{ q.copy_bytes("@i_narrow", "@i_r%d" % r, ch) }}
(local.set $v_r{{ r % 4 }} (v128.load @i_narrow))
{% endif %}
{{ m.bump("i_r%d" % r, ch) }}
{% endmacro %}
{# Interleaves the window rows at the current column to $i_to. #}
{% macro gather_column() %}
{% for quad in range(quads) %}
{% for r in range(4 * quad, [4 * quad + 4, w.kh] | min) %}
{{ fetch(r) }}
{% endfor %}
{% for r in range(w.kh, 4 * quad + 4) %}
(local.set $v_r{{ r % 4 }} {{ q.bytes(0) }})
{% endfor %}
{% for half, at in (("low", 0), ("high", 32)) %}
(local.set $v_x {{ mix(half, "r0", "r1") }})
(local.set $v_y {{ mix(half, "r2", "r3") }})
(v128.store offset={{ 64 * quad + at }} @i_to {{ mix("words_low", "x", "y") }})
(v128.store offset={{ 64 * quad + at + 16 }} @i_to {{ mix("words_high", "x", "y") }})
{% endfor %}
{% endfor %}
{{ m.bump("i_to", column) }}
{% endmacro %}
{% macro fill_columns(count) %}
{% if count %}
{% call m.repeat("pad", "#%d" % (count * column // 16)) %}
(v128.store @i_to {{ q.bytes(zero) }})
{{ m.bump("i_to", 16) }}
{% endcall %}
{% endif %}
{% endmacro %}
{# `mo` outputs side by side, which share the weights. #}
{% macro outputs(mo) %}
{% for j in range(4) %}
(local.set $v_w (v128.load offset={{ 16 * j }} @i_bp))
{% for o in range(mo) %}
(local.set $v_c{{ o }}_{{ j }} @v_w)
{% endfor %}
{% endfor %}
(block $E_taps
{% for kx in range(w.kw) %}
{% for quad in range(quads) %}
{% for j in range(4) %}
{% if j % 2 == 0 %}
{{ m.cut("taps") }}
{% endif %}
(local.set $v_w (v128.load offset={{ 64 * (kx * quads + quad) + 16 * j }} @i_wp))
{% for o in range(mo) %}
(local.set $v_c{{ o }}_{{ j }} (i32x4.relaxed_dot_i8x16_i7x16_add_s @v_w (v128.load offset={{ column * (o * w.stride[1] + kx * w.dilation[1]) + 64 * quad + 16 * j }} @i_ap) @v_c{{ o }}_{{ j }}))
{% endfor %}
{% endfor %}
{% endfor %}
{% endfor %}
)
{% for o in range(mo) %}
{{ q.shorten("lo", "c%d_0" % o, "c%d_1" % o, shift, out_zero, 0) }}
{{ q.shorten("hi", "c%d_2" % o, "c%d_3" % o, shift, out_zero, 16) }}
(local.set $v_o {{ q.pack("@v_lo", "@v_hi") }})
{{ q.store_bytes("(i32.add @i_cp #%d)" % (o * ch), "o", width) }}
{% endfor %}
{{ m.bump("i_ap", mo * w.stride[1] * column) }}
{{ m.bump("i_cp", mo * ch) }}
{% endmacro %}
(local.set $i_never (i32.load #0))
{{ m.fill_bytes("@scratch", row + 16, zero) }}
{% set columns = (row + 16 + 15) // 16 * 16 %}
(local.set $i_narrow (i32.add @scratch #{{ columns + (w.in_w + w.left + w.right) * column }}))
{% call m.for("row", "@lo", "@hi") %}
(local.set $i_image (i32.div_u @i_row #{{ w.out_h }}))
(local.set $i_iy (i32.sub (i32.mul (i32.rem_u @i_row #{{ w.out_h }}) #{{ w.stride[0] }}) #{{ w.top }}))
(local.set $i_image (i32.add @x (i32.mul @i_image #{{ w.in_h * row }})))
{% for r in range(w.kh) %}
(local.set $i_q{{ r }} (i32.add @i_iy #{{ r * w.dilation[0] }}))
(local.set $i_q{{ r }} (select (i32.add @i_image (i32.mul @i_q{{ r }} #{{ row }})) @scratch (i32.lt_u @i_q{{ r }} #{{ w.in_h }})))
{% endfor %}
(local.set $i_co (i32.add @c (i32.mul @i_row #{{ w.out_w * ch }})))
{% set count = (ch + 15) // 16 %}
{% call m.repeat("g", "#%d" % count) %}
(local.set $i_index (i32.sub #{{ count }} @i_g))
(local.set $i_ch (i32.shl @i_index #4))
{% set last = [ch - 16, 0] | max %}
(local.set $i_ch (select @i_ch #{{ last }} (i32.lt_u @i_ch #{{ last }})))
(local.set $i_wp (i32.add @w (i32.mul @i_index #{{ column * w.kw }})))
(local.set $i_bp (i32.add @bias (i32.shl @i_index #6)))
(local.set $i_mp (i32.add @multiplier (i32.shl @i_index #5)))
{% for r in range(w.kh) %}
(local.set $i_r{{ r }} (i32.add @i_q{{ r }} @i_ch))
{% endfor %}
(local.set $i_to (i32.add @scratch #{{ columns }}))
{{ fill_columns(w.left) }}
{% call m.repeat("x", "#%d" % w.in_w) %}
{{ gather_column() }}
{% endcall %}
{{ fill_columns(w.right) }}
(local.set $i_ap (i32.add @scratch #{{ columns }}))
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
