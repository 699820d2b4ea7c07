{# Integer matrix product by TensorFlow Lite's rules, of which 1x1 convolutions and, with `gather`, all other convolutions
   are made, and dense layers: c[row][n] = requantize(sum_k a[row][k] *
   w[k][n] + bias[n]). Activations are bytes, signed or not (`sign`);
   weights are 16 bits without their zero point, [group][k / 2][nr][2], so that a dot product of 16 bits sums two k of
   four channels, exactly. Biases come as [group][nr], with the input's zero point in them; for `multiplier` see
   rescaled. The last group overlaps the one before when n is no multiple of nr, and so does the last tile of `mv`
   rows. Tiles run in blocks, whose activations stay in the first-level cache while all weights pass. lo..hi are tiles
   or, by `split`, groups. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{% import "tfl_macros.wat" as t with context %}
{% set nv = nr // 4 %}
{% set span = 4 * nr * k2 %}
{% if split == "tiles" %}
{% set g_lo, g_hi, t_lo, t_hi = "#0", "#%d" % groups, "@lo", "@hi" %}
{% else %}
{% set g_lo, g_hi, t_lo, t_hi = "@lo", "@hi", "#0", "#%d" % tiles %}
{% endif %}
{# Up to four pairs of activations of row `i` as 16 bits in $v_q<i>: whole words are read, of `left` pairs. #}
{% macro activations(i, at, left) %}
{% if left >= 4 %}
(local.set $v_q{{ i }} (v128.load8x8_{{ sign }} offset={{ at }} @i_ak))
{% else %}
(local.set $v_q{{ i }} (i16x8.extend_low_i8x16_{{ sign }} (v128.load{{ 64 if left == 3 else 32 }}_zero offset={{ at }} @i_ak)))
{% endif %}
{% endmacro %}
{% macro steps(count) %}
{% for u in range(count) %}
{% for i in range(mv) %}
{% if u % 4 == 0 %}
{{ activations(i, 2 * u + i * pitch, count - u) }}
{% endif %}
{% set w = 4 * (u % 4) %}
(local.set $v_a{{ i }} (i8x16.shuffle{{ (" %d %d %d %d" % (w, w + 1, w + 2, w + 3)) * 4 }} @v_q{{ i }} @v_q{{ i }}))
{% endfor %}
{% for j in range(nv) %}
{% if (u or j) and j % 2 == 0 %}
{{ m.cut("k") }}
{% endif %}
(local.set $v_w (v128.load offset={{ 16 * (u * nv + j) }} @i_wk))
{% for i in range(mv) %}
(local.set $v_c{{ i }}_{{ j }} (i32x4.add @v_c{{ i }}_{{ j }} (i32x4.dot_i16x8_s @v_w @v_a{{ i }})))
{% endfor %}
{% endfor %}
{% endfor %}
{{ m.bump("i_ak", 2 * count) }}
{{ m.bump("i_wk", 4 * nr * count) }}
{% endmacro %}
{% macro tile() %}
{% for j in range(nv) %}
(local.set $v_w (v128.load offset={{ 16 * j }} @i_bp))
{% for i in range(mv) %}
(local.set $v_c{{ i }}_{{ j }} @v_w)
{% endfor %}
{% endfor %}
(local.set $i_wk @i_wp)
(block $E_k
{% if k2 // unroll %}
{% call m.repeat("k", "#%d" % (k2 // unroll)) %}
{{ steps(unroll) }}
{% endcall %}
{% endif %}
{% if k2 % unroll %}
{{ steps(k2 % unroll) }}
{% endif %}
)
{% for i in range(mv) %}
{% for j in range(nv) %}
{{ t.rescaled("c%d_%d" % (i, j), 16 * j, nr) }}
{% endfor %}
{% for j in range(0, nv, 4) %}
{% set names = [] %}
{% for x in range(j, [j + 4, nv] | min) %}{% do names.append("c%d_%d" % (i, x)) %}{% endfor %}
{{ t.pack(names, sign, lowest, highest) }}
{{ q.store_bytes("(i32.add @i_cp #%d)" % (i * n + 4 * j), "o", [width - 4 * j, 4 * (names | length)] | min) }}
{% endfor %}
{% endfor %}
{% endmacro %}
(local.set $i_never (i32.load #0))
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
(local.set $i_mp (i32.add @multiplier (i32.mul @i_g #{{ t.bytes_of_scaling * nr }})))
(local.set $i_tt @i_t)
(loop $L_tile
{{ q.start("rs", "@i_tt", mv, rows - mv) }}
{% if gather %}
(local.set $i_ak (i32.add @scratch (i32.mul (i32.sub @i_rs @i_first) #{{ pitch }})))
{% else %}
(local.set $i_ak (i32.add @a (i32.mul @i_rs #{{ pitch }})))
{% endif %}
(local.set $i_cp (i32.add (i32.add @c @i_n0) (i32.mul @i_rs #{{ n }})))
{{ tile() }}
(br_if $L_tile (i32.lt_u (local.tee $i_tt (i32.add @i_tt #1)) @i_tend)))
{% endcall %}
(br_if $L_block (i32.lt_u (local.tee $i_t @i_tend) {{ t_hi }})))))
