{# Patches of padded planes as a matrix: row (channel, ky, kx) holds what this tap meets for each output pixel of a band
   of output rows. A band of each plane is padded in scratch, with its columns split by phase (see layouts.py), so that
   what a tap meets is copied in runs. `table` holds the byte offset of every tap. lo..hi are channels; the
   band's first output row is `row`, or `first` in a kernel that is no part of another. #}
{% import "macros.wat" as m with context %}
{% import "padded_band.wat" as band with context %}
{{ band.begin(g, "#%d" % first if first is not none else "@row", top, h, stride) }}
(local.set $i_to (i32.add @columns (i32.mul @lo #{{ taps * pitch_out }})))
{% call m.for("ch", "@lo", "@hi") %}
{{ band.copy(g, "(i32.add @x (i32.mul @i_ch #%d))" % pitch_in) }}
(local.set $i_tab @table)
{% call m.repeat("tap", "#%d" % taps) %}
(local.set $i_s (i32.add @scratch (i32.load @i_tab)))
(local.set $i_d @i_to)
{% call m.repeat("y", "#%d" % rows) %}
(local.set $i_cs @i_s)
(local.set $i_cd @i_d)
{{ m.move_run("cx", "cd", "cs", width, L) }}
{{ m.bump("i_s", stride * g.row_bytes) }}
{{ m.bump("i_d", 4 * width) }}
{% endcall %}
{{ m.bump("i_tab", 4) }}
{{ m.bump("i_to", pitch_out) }}
{% endcall %}
{% endcall %}
