{# Depthwise convolution and pooling: one window over one channel plane. Each plane is copied into padded scratch, then
   tiles of `rt` rows by `vt` vectors run over the taps. `combine` is "madd" (weights [channel][tap]) or the vector
   instruction that folds the window. lo..hi are output channels; `multiplier` of them read one input channel. #}
{% import "macros.wat" as m with context %}
{% set VB = 4 * L %}
(local.set $i_never (i32.load #0))
(local.set $i_f @scratch)
{{ m.fill("f", g.plane_bytes // 4, vconst(value), L) }}
(local.set $i_last #-1)
{% call m.for("n", "@lo", "@hi") %}
{% if multiplier > 1 %}
(local.set $i_ch (i32.div_u @i_n #{{ multiplier }}))
{% else %}
(local.set $i_ch @i_n)
{% endif %}
(if (i32.ne @i_ch @i_last) (then
(local.set $i_last @i_ch)
(local.set $i_src (i32.add @x (i32.mul @i_ch #{{ pitch_in }})))
(local.set $i_dst @scratch)
{{ m.copy_plane(g, L) }}
))
{% if combine == "madd" %}
(local.set $i_p (i32.add @scratch #{{ g.plane_bytes }}))
(local.set $i_q (i32.add @w (i32.mul @i_n #{{ 4 * k }})))
{{ m.splat_panel("#%d" % k, 1, L) }}
{% endif %}
{% for rt, row, rows, parts in sections %}
(local.set $i_row #{{ row * row_step }})
(local.set $i_ro (i32.add #{{ row * row_out }} (i32.mul @i_n #{{ pitch_out }})))
{% call m.repeat("y", "#%d" % rows) %}
(local.set $i_a (i32.add @scratch @i_row))
(local.set $i_co @i_ro)
{% for vt, vecs in parts %}
{% set mv = rt * vt %}
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
{% if combine == "madd" %}
{{ m.start_tile(mv, 1, initial) }}
{% else %}
{% for i in range(mv) %}
(local.set $v_c{{ i }}_0 {{ vconst(start) }})
{% endfor %}
{% endif %}
(local.set $i_tab @table)
{% if combine == "madd" %}
(local.set $i_pk (i32.add @scratch #{{ g.plane_bytes }}))
{% endif %}
{% if combine == "madd" %}
{{ m.products(mv, 1, at_in, k, 0, unroll, L, relaxed) }}
{% else %}
{% call m.repeat("k", "#%d" % k) %}
(local.set $i_ak (i32.add @i_a (i32.load @i_tab)))
{% for i in range(mv) %}
(local.set $v_c{{ i }}_0 (V.{{ "pmax" if combine == "max" and L > 1 else combine }} @v_c{{ i }}_0 (V.load offset={{ at_in[i] }} @i_ak)))
{% endfor %}
{{ m.bump("i_tab", 4) }}
{% endcall %}
{% endif %}
(local.set $i_cp (i32.add @c @i_co))
{{ m.store_tile(mv, 1, pitch_out, operands, at_out, initial) }}
{{ m.bump("i_a", vt * VB) }}
{{ m.bump("i_co", vt * VB) }}
{% endcall %}
{% endfor %}
{{ m.bump("i_row", rt * row_step) }}
{{ m.bump("i_ro", rt * row_out) }}
{% endcall %}
{% endfor %}
{% endcall %}
