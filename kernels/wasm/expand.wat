{# 1x1 convolution and the depthwise convolution behind it: a group of nr channels is expanded into scratch planes, which
   stay in the cache, and each of them is convolved at once. The expanded tensor never exists. Epilogue `e` is the
   expansion's, `f` the window's. Scratch: weights multiplied out, nr planes, the padded plane, the window's weights.
   lo..hi are groups. #}
{% import "macros.wat" as m with context %}
{% set VB = 4 * L %}
{% set planes = k * nr * VB %}
{% set padded = planes + nr * pitch_in %}
{% set panel = padded + w.g.plane_bytes %}
(local.set $i_never (i32.load #0))
(local.set $i_planes (i32.add @scratch #{{ planes }}))
(local.set $i_padded (i32.add @scratch #{{ padded }}))
(local.set $i_wpanel (i32.add @scratch #{{ panel }}))
(local.set $i_f @i_padded)
{{ m.fill("f", w.g.plane_bytes // 4, vconst(0), L) }}
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
{{ m.operand_pointers(e, "@i_n") }}
(local.set $i_po #0)
{% for mv, first, count, offset in sections %}
{% set at = range(0, VB * mv, VB) | list %}
{% call m.repeat("t", "#%d" % count) %}
{{ m.start_tile(mv, nr, e) }}
(local.set $i_ak (i32.add @a @i_po))
(local.set $i_pk @i_panel)
{{ m.products(mv, nr, at, k, pitch_in, unroll, L, relaxed) }}
(local.set $i_cp (i32.add @i_planes @i_po))
{{ m.store_tile(mv, nr, pitch_in, e, at) }}
{{ m.bump("i_po", VB * mv) }}
{% endcall %}
{% endfor %}
(local.set $i_plane @i_planes)
{% call m.repeat("j", "#%d" % nr) %}
(local.set $i_src @i_plane)
(local.set $i_dst @i_padded)
{{ m.copy_plane(w.g, L) }}
(local.set $i_p @i_wpanel)
(local.set $i_q (i32.add @taps (i32.mul @i_n #{{ 4 * w.k }})))
{{ m.splat_panel("#%d" % w.k, 1, L) }}
{{ m.window_plane(w, f, "@i_padded", "@i_wpanel", "@table", L) }}
{{ m.bump("i_plane", pitch_in) }}
{{ m.bump("i_n", 1) }}
{% endcall %}
{% endcall %}
