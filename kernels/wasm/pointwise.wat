{# 1x1 convolution as a matrix product on channel-major planes: c[n][p] = epilogue(sum_k a[k][p] * w[k][n]).
   Weights come as [n / nr][k][nr]. Blocks of outputs are multiplied out into scratch (4 equal floats each) and all
   pixel tiles of this share run over them. `split` says whether lo..hi are pixel tiles or output groups. #}
{% import "macros.wat" as m with context %}
{% set VB = 4 * L %}
{% if split == "pixels" %}
{% set g_lo, g_hi, t_lo, t_hi = "#0", "#%d" % (n // nr), "@lo", "@hi" %}
{% else %}
{% set g_lo, g_hi, t_lo, t_hi = "@lo", "@hi", "#0", "#%d" % tiles %}
{% endif %}
(local.set $i_never (i32.load #0))
(local.set $i_g {{ g_lo }})
(if (i32.lt_u @i_g {{ g_hi }}) (then
(loop $L_block
(local.set $i_nb (i32.sub {{ g_hi }} @i_g))
(if (i32.gt_u @i_nb #{{ block }}) (then (local.set $i_nb #{{ block }})))
(local.set $i_q (i32.add @w (i32.mul @i_g #{{ 4 * k * nr }})))
{% if L > 1 %}
(local.set $i_p @scratch)
{{ m.splat_panel("(i32.mul @i_nb #%d)" % (k * nr // splat), splat, L) }}
(local.set $i_panel @scratch)
{% else %}
(local.set $i_panel @i_q)
{% endif %}
{% for mv, first, count, offset in sections %}
(local.set $i_t (select {{ t_lo }} #{{ first }} (i32.gt_u {{ t_lo }} #{{ first }})))
(local.set $i_end (select {{ t_hi }} #{{ first + count }} (i32.lt_u {{ t_hi }} #{{ first + count }})))
(if (i32.lt_u @i_t @i_end) (then
(local.set $i_po (i32.add #{{ VB * offset }} (i32.mul (i32.sub @i_t #{{ first }}) #{{ VB * mv }})))
(loop $L_tile
(local.set $i_a (i32.add @a @i_po))
(local.set $i_pk @i_panel)
(local.set $i_n (i32.mul @i_g #{{ nr }}))
(local.set $i_co (i32.add @i_po (i32.mul @i_n #{{ pitch_out }})))
{% call m.repeat("j", "@i_nb") %}
{{ m.operand_pointers(e, "@i_n") }}
{{ m.start_tile(mv, nr, e) }}
(local.set $i_ak @i_a)
{% set at = range(0, VB * mv, VB) | list %}
{{ m.products(mv, nr, at, k, pitch_in, unroll, L, relaxed) }}
(local.set $i_cp (i32.add @c @i_co))
{{ m.store_tile(mv, nr, pitch_out, e, at) }}
{{ m.bump("i_co", nr * pitch_out) }}
{{ m.bump("i_n", nr) }}
{% endcall %}
{{ m.bump("i_po", VB * mv) }}
(br_if $L_tile (i32.lt_u (local.tee $i_t (i32.add @i_t #1)) @i_end)))))
{% endfor %}
(br_if $L_block (i32.lt_u (local.tee $i_g (i32.add @i_g #{{ block }})) {{ g_hi }})))))
