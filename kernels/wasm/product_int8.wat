{# Integer matrix product, of which 1x1 convolutions, dense layers and, with `gather`, all other convolutions are made:
   c[row][n] = requantize(sum_k a[row][k] * w[k][n] + bias[n]). Activations are 0..127, so relaxed dot products of four k
   are exact. With `pairs` the products of two such steps are summed in 16 bits, which saves every second widening: the
   four vector pipes are what these loops wait for (see `short_sums` for when the sums fit). Weights come as [group][k / 4][nr][4], biases and multipliers as [group][nr]; the last group overlaps the
   one before when n is no multiple of nr, and so does the last tile of `mv` rows. Tiles run in blocks, whose
   activations stay in the first-level cache while all weights pass. lo..hi are tiles or, by `split`, groups. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{% set nv = nr // 4 %}
{% set span = 4 * nr * k4 %}
{% if split == "tiles" %}
{% set g_lo, g_hi, t_lo, t_hi = "#0", "#%d" % groups, "@lo", "@hi" %}
{% else %}
{% set g_lo, g_hi, t_lo, t_hi = "@lo", "@hi", "#0", "#%d" % tiles %}
{% endif %}
{% macro simd_tile() %}
{% for j in range(nv) %}
(local.set $v_b (v128.load offset={{ 16 * j }} @i_bp))
{% for i in range(mv) %}
(local.set $v_c{{ i }}_{{ j }} @v_b)
{% endfor %}
{% endfor %}
(local.set $i_wk @i_wp)
(block $E_k
{# Four steps of activations of row `i` at once, or the `left` that there are: nothing behind the buffer is read. To spread
   one of them over a vector is one shuffle; a broadcast of 32 bits from memory would be two steps in the vector pipes. #}
{% macro activations(i, at, left) %}
{% set load = "v128.load" if left >= 4 else "v128.load32_zero" if left == 1 else "v128.load64_zero" %}
(local.set $v_q{{ i }} ({{ load }} offset={{ at }} @i_ak))
{% if left == 3 %}
(local.set $v_q{{ i }} (v128.load32_lane offset={{ at + 8 }} 2 @i_ak @v_q{{ i }}))
{% endif %}
{% endmacro %}
{% macro splat(name, i, u) %}
(local.set $v_{{ name }}{{ i }} (i8x16.shuffle{{ (" %d %d %d %d" % (4 * (u % 4), 4 * (u % 4) + 1, 4 * (u % 4) + 2, 4 * (u % 4) + 3)) * 4 }} @v_q{{ i }} @v_q{{ i }}))
{% endmacro %}
{% macro steps(count) %}
{% for u in range(0, count, 2) %}
{% set two = u + 1 < count %}
{% for i in range(mv) %}
{% if u % 4 == 0 %}
{{ activations(i, 4 * u + i * pitch, count - u) }}
{% endif %}
{{ splat("a", i, u) }}
{% if two %}
{{ splat("b", i, u + 1) }}
{% endif %}
{% endfor %}
{% for j in range(nv) %}
{% if (u or j) and j % 2 == 0 %}
{{ m.cut("k") }}
{% endif %}
(local.set $v_w (v128.load offset={{ 16 * (u * nv + j) }} @i_wk))
{% if two %}
(local.set $v_x (v128.load offset={{ 16 * (u * nv + nv + j) }} @i_wk))
{% endif %}
{% for i in range(mv) %}
{% if two and pairs %}
(local.set $v_c{{ i }}_{{ j }} (i32x4.add @v_c{{ i }}_{{ j }} (i32x4.dot_i16x8_s (i16x8.add (i16x8.relaxed_dot_i8x16_i7x16_s @v_w @v_a{{ i }}) (i16x8.relaxed_dot_i8x16_i7x16_s @v_x @v_b{{ i }})) @v_one)))
{% else %}
(local.set $v_c{{ i }}_{{ j }} (i32x4.relaxed_dot_i8x16_i7x16_add_s @v_w @v_a{{ i }} @v_c{{ i }}_{{ j }}))
{% if two %}
(local.set $v_c{{ i }}_{{ j }} (i32x4.relaxed_dot_i8x16_i7x16_add_s @v_x @v_b{{ i }} @v_c{{ i }}_{{ j }}))
{% endif %}
{% endif %}
{% endfor %}
{% endfor %}
{% endfor %}
{{ m.bump("i_ak", 4 * count) }}
{{ m.bump("i_wk", 4 * nr * count) }}
{% endmacro %}
{% if k4 // unroll %}
{% call m.repeat("k", "#%d" % (k4 // unroll)) %}
{{ steps(unroll) }}
{% endcall %}
{% endif %}
{% if k4 % unroll %}
{{ steps(k4 % unroll) }}
{% endif %}
)
{% for i in range(mv) %}
{% for h in range(nv // 2) %}
{{ q.shorten("s%d_%d" % (i, h), "c%d_%d" % (i, 2 * h), "c%d_%d" % (i, 2 * h + 1), shift, out_zero, 16 * h) }}
{% endfor %}
{% endfor %}
{% for i in range(mv) %}
{% for h in range(0, nv // 2, 2) %}
(local.set $v_o {{ q.pack("@v_s%d_%d" % (i, h), "@v_s%d_%d" % (i, [h + 1, nv // 2 - 1] | min)) }})
{{ q.store_bytes("(i32.add @i_cp #%d)" % (i * n + 8 * h), "o", [width - 8 * h, 16] | min) }}
{% endfor %}
{% endfor %}
{% endmacro %}
{% macro scalar_tile() %}
{% for i in range(mv) %}
{% for j in range(width) %}
(local.set $i_c{{ j }} (i32.load offset={{ 4 * j }} @i_bp))
{% endfor %}
(local.set $i_wk @i_wp)
(local.set $i_am (i32.add @i_ak #{{ i * pitch }}))
{% call m.repeat("k", "#%d" % k4) %}
{% for u in range(4) %}
(local.set $i_a (i32.load8_u offset={{ u }} @i_am))
{% for j in range(width) %}
(local.set $i_c{{ j }} (i32.add @i_c{{ j }} (i32.mul @i_a (i32.load8_s offset={{ 4 * j + u }} @i_wk))))
{% endfor %}
{% endfor %}
{{ m.bump("i_am", 4) }}
{{ m.bump("i_wk", 4 * nr) }}
{% endcall %}
{% for j in range(width) %}
{{ q.requantize("c%d" % j, shift, out_zero, "(i32.load16_u offset=%d @i_mp)" % (2 * j)) }}
(i32.store8 offset={{ i * n + j }} @i_cp @i_c{{ j }})
{% endfor %}
{% endfor %}
{% endmacro %}
(local.set $i_never (i32.load #0))
{% if L > 1 %}
(local.set $v_one (i16x8.splat (i32.or @i_never #1)))
{% endif %}
(local.set $i_t {{ t_lo }})
(if (i32.lt_u @i_t {{ t_hi }}) (then (loop $L_block
(local.set $i_tend (i32.add @i_t #{{ block }}))
(local.set $i_tend (select @i_tend {{ t_hi }} (i32.lt_u @i_tend {{ t_hi }})))
{{ q.start("first", "@i_t", mv, rows - mv) }}
{% if gather %}
(local.set $i_to @scratch)
{{ q.start("last", "@i_tend", mv, rows) }}
(local.set $i_row @i_first)
(loop $L_gather
{{ q.gather_row(gather, ch, zero) }}
{{ m.bump("i_to", pitch) }}
(br_if $L_gather (i32.lt_u (local.tee $i_row (i32.add @i_row #1)) @i_last)))
{% endif %}
{% call m.for("g", g_lo, g_hi) %}
{{ q.start("n0", "@i_g", nr, [n - nr, 0] | max) }}
(local.set $i_wp (i32.add @w (i32.mul @i_g #{{ span }})))
(local.set $i_bp (i32.add @bias (i32.mul @i_g #{{ 4 * nr }})))
(local.set $i_mp (i32.add @multiplier (i32.mul @i_g #{{ 2 * nr }})))
(local.set $i_tt @i_t)
(loop $L_tile
{{ q.start("rs", "@i_tt", mv, rows - mv) }}
{% if gather %}
(local.set $i_ak (i32.add @scratch (i32.mul (i32.sub @i_rs @i_first) #{{ pitch }})))
{% else %}
(local.set $i_ak (i32.add @a (i32.mul @i_rs #{{ pitch }})))
{% endif %}
(local.set $i_cp (i32.add (i32.add @c @i_n0) (i32.mul @i_rs #{{ n }})))
{{ simd_tile() if L > 1 else scalar_tile() }}
(br_if $L_tile (i32.lt_u (local.tee $i_tt (i32.add @i_tt #1)) @i_tend)))
{% endcall %}
(br_if $L_block (i32.lt_u (local.tee $i_t @i_tend) {{ t_hi }})))))
