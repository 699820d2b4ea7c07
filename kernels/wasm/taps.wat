{# Convolution with few outputs on padded, phase-split planes (see planes.wat): for a group of nr outputs the weights are
   splat into scratch, then tiles run over all taps. `table` holds the byte offset of every tap (input channel,
   ky, kx) from a tile's corner. lo..hi are output groups. #}
{% import "macros.wat" as m with context %}
(local.set $i_never (i32.load #0))
{% call m.for("g", "@lo", "@hi") %}
(local.set $i_q (i32.add @w (i32.mul @i_g #{{ 4 * k * nr }})))
(local.set $i_n (i32.mul @i_g #{{ nr }}))
{% if L > 1 %}
(local.set $i_p @scratch)
{{ m.splat_panel("#%d" % (k * nr // splat), splat, L) }}
(local.set $i_panel @scratch)
{% else %}
(local.set $i_panel @i_q)
{% endif %}
{% call(rt, vt, at_in, at_out) m.image_tiles(tiles, "@a", L) %}
{% set mv = rt * vt %}
{{ m.operand_pointers(e, "@i_n") }}
{{ m.start_tile(mv, nr, e) }}
(local.set $i_pk @i_panel)
(local.set $i_tab @table)
{{ m.products(mv, nr, at_in, k, 0, tile, L) }}
(local.set $i_cp (i32.add @c @i_co))
{{ m.store_tile(mv, nr, tiles.pitch_out, e, at_out) }}
{% endcall %}
{% endcall %}
