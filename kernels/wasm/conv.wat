{# General convolution on padded, phase-split planes (see planes.wat): for a group of nr outputs the weights are
   multiplied out into scratch, then tiles of `rt` rows by `vt` vectors run over all taps. `table` holds the byte
   offset of every tap (input channel, ky, kx) from a tile's corner. lo..hi are output groups. #}
{% import "macros.wat" as m with context %}
{% set VB = 4 * L %}
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
{% for rt, row, rows, parts in sections %}
(local.set $i_row #{{ row * row_step }})
(local.set $i_ro (i32.add #{{ row * row_out }} (i32.mul @i_n #{{ pitch_out }})))
{% call m.repeat("y", "#%d" % rows) %}
(local.set $i_a (i32.add @a @i_row))
(local.set $i_co @i_ro)
{% for vt, vecs in parts %}
{% call m.repeat("x", "#%d" % vecs) %}
{% set at_in, at_out = [], [] %}
{% for r in range(rt) %}
{% for v in range(vt) %}
{% do at_in.append(r * row_step + v * VB) %}
{% do at_out.append(r * row_out + v * VB) %}
{% endfor %}
{% endfor %}
(local.set $i_po (i32.sub @i_co (i32.mul @i_n #{{ pitch_out }})))
{{ m.operand_pointers(operands, "@i_n") }}
{{ m.start_tile(rt * vt, nr, initial) }}
(local.set $i_pk @i_panel)
(local.set $i_tab @table)
{{ m.products(rt * vt, nr, at_in, k, 0, unroll, L, relaxed) }}
(local.set $i_cp (i32.add @c @i_co))
{{ m.store_tile(rt * vt, nr, pitch_out, operands, at_out, initial) }}
{{ m.bump("i_a", vt * VB) }}
{{ m.bump("i_co", vt * VB) }}
{% endcall %}
{% endfor %}
{{ m.bump("i_row", rt * row_step) }}
{{ m.bump("i_ro", rt * row_out) }}
{% endcall %}
{% endfor %}
{% endcall %}
