{# 1x1 convolution with vectors over outputs: c[n][p] = epilogue(sum_k a[k][p] * w[k][n]). Planes in, planes out, as in
   pointwise.wat, but pixels are splat, and results are transposed when they are stored: images of few pixels
   use each weight too seldom to multiply it out, and 49 pixels are no whole vectors. Weights come as [n / nr][k][nr].
   `pieces` are tiles of pixels, (pixels, tiles) in order; `block` of them are splat into scratch at once, unless
   `splatted` says that all stand there already. lo..hi are output groups. #}
{% import "macros.wat" as m with context %}
{% import "columns_macros.wat" as c with context %}
{% set nr = 4 * vectors %}
(local.set $i_never (i32.load #0))
(local.set $i_bo #0)
(local.set $i_base @scratch)
{% for px, count in pieces %}
(local.set $i_left #{{ count }})
(loop $L_block
{% if splatted %}
(local.set $i_nt @i_left)
{% else %}
(local.set $i_nt (select @i_left #{{ block }} (i32.lt_u @i_left #{{ block }})))
(local.set $i_p @i_base)
(local.set $i_at (i32.add @a @i_bo))
{{ c.splat_pixels("@i_nt", px, k, pitch_in) }}
{% endif %}
{% call m.for("g", "@lo", "@hi") %}
(local.set $i_n (i32.mul @i_g #{{ nr }}))
(local.set $i_w (i32.add @w (i32.mul @i_g #{{ 4 * k * nr }})))
(local.set $i_ak @i_base)
(local.set $i_po @i_bo)
{% call m.repeat("t", "@i_nt") %}
(local.set $i_co (i32.add @i_po (i32.mul @i_n #{{ pitch_out }})))
{{ m.operand_pointers(e, "@i_n") }}
{{ c.start_columns(px, vectors, e) }}
(local.set $i_pk @i_w)
{{ m.products(px, vectors, range(0, 16 * px, 16) | list, k, 16 * px, tile, L) }}
(local.set $i_cp (i32.add @c @i_co))
{{ c.store_columns(px, vectors, pitch_out, e) }}
{{ m.bump("i_po", 4 * px) }}
{% endcall %}
{% endcall %}
{% if splatted %}
(local.set $i_base (i32.add @i_base (i32.mul @i_nt #{{ 16 * k * px }})))
{% endif %}
(local.set $i_bo (i32.add @i_bo (i32.mul @i_nt #{{ 4 * px }})))
(br_if $L_block (local.tee $i_left (i32.sub @i_left @i_nt))))
{% endfor %}
