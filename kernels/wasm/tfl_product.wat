{# Integer matrix product by TensorFlow Lite's rules, of which convolutions and dense layers are made:
   c[row][n] = requantize(sum_k a[row][k] * w[k][n] + bias[n]). Activations are bytes, signed or not (`sign`); weights are
   16 bits without their zero point, [group][k / 2][nr][2], so that a dot product of 16 bits sums two k of four channels,
   exactly. Biases come as [group][nr], with the input's zero point in them; for `multiplier` see rescaled. The last group
   overlaps the one before when n is no multiple of nr, and so does the last tile of `mv` rows.

   Rows are pixels `pitch` bytes apart. Without a window `w`, tiles run in blocks, whose activations stay in the
   first-level cache while all weights pass; lo..hi are tiles or, by `split`, groups. With one, rows under it are copied
   to scratch with padding around them, k is `runs` runs of `k2` pairs in each of them, and lo..hi are output rows of all
   images. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
{% import "tfl_macros.wat" as t with context %}
{% set nv = nr // 4 %}
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
{% set x = 4 * (u % 4) %}
(local.set $v_a{{ i }} (i8x16.shuffle{{ (" %d %d %d %d" % (x, x + 1, x + 2, x + 3)) * 4 }} @v_q{{ i }} @v_q{{ i }}))
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
{# All pairs of a run that begins at $i_ak. #}
{% macro run() %}
{% if k2 // unroll %}
{% call m.repeat("k", "#%d" % (k2 // unroll)) %}
{{ steps(unroll) }}
{% endcall %}
{% endif %}
{% if k2 % unroll %}
{{ steps(k2 % unroll) }}
{% endif %}
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
{% if w %}
{% call m.repeat("ky", "#%d" % w.kh) %}
{% if runs > 1 %}
(local.set $i_at @i_as)
{% call m.repeat("kx", "#%d" % runs) %}
(local.set $i_ak @i_at)
{{ run() }}
{{ m.bump("i_at", w.dilation[1] * ch) }}
{% endcall %}
{% else %}
(local.set $i_ak @i_as)
{{ run() }}
{% endif %}
{{ m.bump("i_as", under.step * under.pitch) }}
{% endcall %}
{% else %}
(local.set $i_ak @i_as)
{{ run() }}
{% endif %}
)
{% for i in range(mv) %}
{% for j in range(nv) %}
{{ t.rescaled("c%d_%d" % (i, j), 16 * j, nr) }}
{% endfor %}
{% endfor %}
{# Stores come last: what is read for a channel would be read again behind one. #}
{% for i in range(mv if nv == 4 else 0) %}
{{ t.pack(["c%d_0" % i, "c%d_1" % i, "c%d_2" % i, "c%d_3" % i], sign, lowest, highest) }}
{{ q.store_bytes("(i32.add @i_cp #%d)" % (i * n), "o", width) }}
{% endfor %}
{% if nv == 2 %}
{% set places = [] %}
{% for i in range(mv) %}{% do places.append(("c%d" % i, i * n)) %}{% endfor %}
{{ t.store_eights(places, sign, lowest, highest, width) }}
{% endif %}
{% endmacro %}
{# Tiles from $i_t to $i_tend, of `rows` rows at $i_a and $i_c, times the groups from `lo` to `hi`. #}
{% macro groups_of(lo, hi) %}
{% call m.for("g", lo, hi) %}
{{ q.start("n0", "@i_g", nr, [n - nr, 0] | max) }}
(local.set $i_wp (i32.add @w (i32.mul @i_g #{{ 4 * nr * k2 * runs * (w.kh if w else 1) }})))
(local.set $i_bp (i32.add @bias (i32.mul @i_g #{{ 4 * nr }})))
(local.set $i_mp (i32.add @multiplier (i32.mul @i_g #{{ t.bytes_of_scaling * nr }})))
(local.set $i_tt @i_t)
(loop $L_tile
{{ q.start("rs", "@i_tt", mv, rows - mv) }}
(local.set $i_as (i32.add @i_a (i32.mul @i_rs #{{ pitch }})))
(local.set $i_cp (i32.add (i32.add @i_c @i_n0) (i32.mul @i_rs #{{ n }})))
{{ tile() }}
(br_if $L_tile (i32.lt_u (local.tee $i_tt (i32.add @i_tt #1)) @i_tend)))
{% endcall %}
{% endmacro %}
(local.set $i_never (i32.load #0))
{% if w %}
(local.set $i_t #0)
(local.set $i_tend #{{ tiles }})
{% call t.rows_under(w, under, "@a", ch, zero) %}
(local.set $i_a @i_under)
(local.set $i_c (i32.add @c (i32.mul @i_row #{{ rows * n }})))
{{ groups_of("#0", "#%d" % groups) }}
{% endcall %}
{% else %}
{% set last, from, to = ("@hi", "#0", "#%d" % groups) if split == "tiles" else ("#%d" % tiles, "@lo", "@hi") %}
(local.set $i_a @a)
(local.set $i_c @c)
(local.set $i_t {{ "@lo" if split == "tiles" else "#0" }})
(if (i32.lt_u @i_t {{ last }}) (then (loop $L_block
(local.set $i_tend (i32.add @i_t #{{ block }}))
(local.set $i_tend (select @i_tend {{ last }} (i32.lt_u @i_tend {{ last }})))
{{ groups_of(from, to) }}
(br_if $L_block (i32.lt_u (local.tee $i_t @i_tend) {{ last }})))))
{% endif %}
