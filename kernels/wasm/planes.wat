{# Copies channel planes into the padded, phase-split form that taps.wat reads. lo..hi are channels. #}
{% import "macros.wat" as m with context %}
{% call m.for("ch", "@lo", "@hi") %}
(local.set $i_base (i32.add @padded (i32.mul @i_ch #{{ g.plane_bytes }})))
(local.set $i_f @i_base)
{{ m.fill("f", g.plane_bytes // 4, vconst(value), L) }}
(local.set $i_src (i32.add @x (i32.mul @i_ch #{{ pitch_in }})))
(local.set $i_dst @i_base)
{{ m.copy_plane(g, L) }}
{% endcall %}
