{# 1x1 convolution as a matrix product on channel-major planes: c[n][p] = epilogue(sum_k a[k][p] * w[k][n]).
   Weights come as [n / nr][k][nr]; with `by_rows` as the rows [n][k] of a matrix. Blocks of outputs are splat
   into scratch (4 equal floats each; scalars are read where they are) and all pixel tiles of this share run over them. Long sums are cut into `blocks`
   pieces of `kb`, so that a tile of inputs and the weights stay in the first-level cache; the sums wait in the output.
   `split` says whether lo..hi are pixel tiles or output groups. #}
{% import "macros.wat" as m with context %}
{% set VB = 4 * L %}
{% if split == "pixels" %}
{% set g_lo, g_hi, t_lo, t_hi = "#0", "#%d" % (n // nr), "@lo", "@hi" %}
{% else %}
{% set g_lo, g_hi, t_lo, t_hi = "@lo", "@hi", "#0", "#%d" % tiles %}
{% endif %}
{% set packed = by_rows or L > 1 %}
{# One piece of the sums, kc long, for $i_nb groups from $i_g; $i_aoff and $i_woff are the piece's byte offsets. #}
{% macro piece(kc, first, last) %}
(local.set $i_q (i32.add (i32.add @w @i_woff) (i32.mul @i_g #{{ 4 * k * nr }})))
{% if packed %}
(local.set $i_p @scratch)
{% if by_rows %}
{{ m.splat_rows("@i_nb", nr, k, kc, L) }}
{% elif kc == k %}
{{ m.splat_panel("(i32.mul @i_nb #%d)" % (k * nr // splat), splat, L) }}
{% else %}
{% call m.repeat("sg", "@i_nb") %}
{{ m.splat_panel("#%d" % (kc * nr // m.round_of(kc * nr) | int), m.round_of(kc * nr) | int, L) }}
{{ m.bump("i_q", 4 * nr * (k - kc)) }}
{% endcall %}
{% endif %}
(local.set $i_panel @scratch)
{% else %}
(local.set $i_panel @i_q)
{% endif %}
{% for mv, start, count, offset in sections %}
(local.set $i_t (select {{ t_lo }} #{{ start }} (i32.gt_u {{ t_lo }} #{{ start }})))
(local.set $i_end (select {{ t_hi }} #{{ start + count }} (i32.lt_u {{ t_hi }} #{{ start + count }})))
(if (i32.lt_u @i_t @i_end) (then
(local.set $i_po (i32.add #{{ VB * offset }} (i32.mul (i32.sub @i_t #{{ start }}) #{{ VB * mv }})))
(loop $L_tile
(local.set $i_a (i32.add (i32.add @a @i_aoff) @i_po))
(local.set $i_pk @i_panel)
(local.set $i_n (i32.mul @i_g #{{ nr }}))
(local.set $i_co (i32.add @i_po (i32.mul @i_n #{{ pitch_out }})))
{% call m.repeat("j", "@i_nb") %}
{{ m.operand_pointers(e, "@i_n") }}
(local.set $i_cp (i32.add @c @i_co))
{% set at = range(0, VB * mv, VB) | list %}
{% if first %}
{{ m.start_tile(mv, nr, e) }}
{% else %}
{{ m.load_tile(mv, nr, pitch_out, at) }}
{% endif %}
(local.set $i_ak @i_a)
{{ m.products(mv, nr, at, kc, pitch_in, tile, L) }}
{% if not packed and kc < k %}
{{ m.bump("i_pk", 4 * nr * (k - kc)) }}
{% endif %}
{% if last %}
(local.set $i_cp (i32.add @c @i_co))
{{ m.store_tile(mv, nr, pitch_out, e, at) }}
{% else %}
{{ m.keep_tile(mv, nr, pitch_out, at) }}
{% endif %}
{{ m.bump("i_co", nr * pitch_out) }}
{{ m.bump("i_n", nr) }}
{% endcall %}
{{ m.bump("i_po", VB * mv) }}
(br_if $L_tile (i32.lt_u (local.tee $i_t (i32.add @i_t #1)) @i_end)))))
{% endfor %}
{% endmacro %}
{% set w_step = 4 * kb * (1 if by_rows else nr) %}
(local.set $i_never (i32.load #0))
(local.set $i_g {{ g_lo }})
(if (i32.lt_u @i_g {{ g_hi }}) (then
(loop $L_block
(local.set $i_nb (i32.sub {{ g_hi }} @i_g))
(if (i32.gt_u @i_nb #{{ block }}) (then (local.set $i_nb #{{ block }})))
(local.set $i_aoff #0)
(local.set $i_woff #0)
{% if blocks == 1 %}
{{ piece(k, true, true) }}
{% else %}
{{ piece(kb, true, false) }}
{{ m.bump("i_aoff", kb * pitch_in) }}
{{ m.bump("i_woff", w_step) }}
{% if blocks > 2 %}
{% call m.repeat("kb", "#%d" % (blocks - 2)) %}
{{ piece(kb, false, false) }}
{{ m.bump("i_aoff", kb * pitch_in) }}
{{ m.bump("i_woff", w_step) }}
{% endcall %}
{% endif %}
{{ piece(k - kb * (blocks - 1), false, true) }}
{% endif %}
(br_if $L_block (i32.lt_u (local.tee $i_g (i32.add @i_g #{{ block }})) {{ g_hi }})))))
