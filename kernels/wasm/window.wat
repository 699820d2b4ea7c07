{# Depthwise convolution and pooling: one window over one channel plane, which is first copied into padded scratch. lo..hi
   are output channels; `multiplier` of them read one input channel. `filled`: the padding stands in scratch already. #}
{% import "macros.wat" as m with context %}
(local.set $i_never (i32.load #0))
{% if not filled %}
(local.set $i_f @scratch)
{{ m.fill("f", w.g.plane_bytes // 4, vconst(w.value), L) }}
{% endif %}
(local.set $i_last #-1)
{% call m.for("n", "@lo", "@hi") %}
(local.set $i_ch (i32.div_u @i_n #{{ multiplier }}))
(if (i32.ne @i_ch @i_last) (then
(local.set $i_last @i_ch)
(local.set $i_src (i32.add @x (i32.mul @i_ch #{{ pitch_in }})))
(local.set $i_dst @scratch)
{{ m.copy_plane(w.g, L) }}
))
{% if w.combine == "madd" %}
(local.set $i_p (i32.add @scratch #{{ w.g.plane_bytes }}))
(local.set $i_q (i32.add @w (i32.mul @i_n #{{ 4 * w.k }})))
{{ m.splat_panel("#%d" % w.k, 1, L) }}
{% endif %}
{{ m.window_plane(w, e, "@scratch", "(i32.add @scratch #%d)" % w.g.plane_bytes, "@table", L) }}
{% endcall %}
