{# One window over row-major images, channels last: pooling, and depthwise convolution with the weights [ky][kx][channel].
   Vectors run over channels, so nothing is laid out anew and padding is skipped, not read. Expression 0 finishes a
   result; with `counted` its last operand is 1 / how many taps were inside. Channels that fill no vector are read and written twice, in the last
   vector that they do fill. lo..hi are rows of the results of all images. #}
{% import "macros.wat" as m with context %}
{% set fold = {"combine": combine, "tile": {"relaxed": false}} %}
{% set weighted = combine == "madd" %}
{% set pixel = 4 * channels %}
{# The vectors at these byte offsets from channel $i_ch on. #}
{% macro vectors(offsets) %}
{% for at in offsets %}
(local.set $v_c{{ loop.index0 }} {{ vconst(start) }})
{% endfor %}
(local.set $i_line (i32.add @i_corner @i_ch))
{% if weighted %}
(local.set $i_weights (i32.add @i_taps @i_ch))
{% endif %}
(block $E_taps
{% call m.repeat("ky", "@i_ny") %}
(local.set $i_p @i_line)
{% if weighted %}
(local.set $i_wp @i_weights)
{% endif %}
{% call m.repeat("kx", "@i_nx") %}
{% for at in offsets %}
{{ m.combine(fold, "v_c%d" % loop.index0, "(V.load offset=%d @i_p)" % at, "(V.load offset=%d @i_wp)" % at, L) }}
{% if weighted %}
{{ m.cut("taps") }}
{% endif %}
{% endfor %}
{{ m.bump("i_p", pixel) }}
{% if weighted %}
{{ m.bump("i_wp", pixel) }}
{% endif %}
{% endcall %}
{{ m.bump("i_line", w * pixel) }}
{% if weighted %}
{{ m.bump("i_weights", size[1] * pixel) }}
{% endif %}
{% endcall %}
)
(local.set $i_cp (i32.add @i_c @i_ch))
{% for at in offsets %}
{% set leaves = ["@v_c%d" % loop.index0] %}
{% for kind in e.operands %}
{% set pointer = {"channel": "@i_ch", "full": "(i32.sub @i_cp @c)"}[kind] %}
{% do leaves.append("(V.load offset=%d (i32.add @op%d %s))" % (at, loop.index0, pointer)) %}
{% endfor %}
{% if counted %}
{% do leaves.append("@v_share") %}
{% endif %}
(V.store offset={{ at }} @i_cp {{ expr(0, *leaves) }})
{% endfor %}
{% endmacro %}
(local.set $i_never (i32.load #0))
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_n (i32.div_u @i_u #{{ oh }}))
(local.set $i_y (i32.sub (i32.mul (i32.rem_u @i_u #{{ oh }}) #{{ stride[0] }}) #{{ top }}))
(local.set $i_first (select @i_y #0 (i32.gt_s @i_y #0)))
(local.set $i_ny (i32.add @i_y #{{ size[0] }}))
(local.set $i_ny (i32.sub (select @i_ny #{{ h }} (i32.lt_s @i_ny #{{ h }})) @i_first))
(local.set $i_row (i32.add @x (i32.mul (i32.add (i32.mul @i_n #{{ h }}) @i_first) #{{ w * pixel }})))
{% if weighted %}
(local.set $i_w (i32.add @w (i32.mul (i32.sub @i_first @i_y) #{{ size[1] * pixel }})))
{% endif %}
(local.set $i_c (i32.add @c (i32.mul @i_u #{{ ow * pixel }})))
(local.set $i_x #{{ -left }})
{% call m.repeat("ox", "#%d" % ow) %}
(local.set $i_first (select @i_x #0 (i32.gt_s @i_x #0)))
(local.set $i_nx (i32.add @i_x #{{ size[1] }}))
(local.set $i_nx (i32.sub (select @i_nx #{{ w }} (i32.lt_s @i_nx #{{ w }})) @i_first))
(local.set $i_corner (i32.add @i_row (i32.mul @i_first #{{ pixel }})))
{% if weighted %}
(local.set $i_taps (i32.add @i_w (i32.mul (i32.sub @i_first @i_x) #{{ pixel }})))
{% endif %}
{% if counted %}
(local.set $v_share (V.splat (f32.div (f32.const 1) (f32.convert_i32_u (i32.mul @i_ny @i_nx)))))
{% endif %}
(local.set $i_ch #0)
{% if blocks %}
{% call m.repeat("b", "#%d" % blocks) %}
{{ vectors(range(0, 4 * L * block, 4 * L)) }}
{{ m.bump("i_ch", 4 * L * block) }}
{% endcall %}
{% endif %}
{% if rest %}
{{ vectors(rest) }}
{% endif %}
{{ m.bump("i_c", pixel) }}
{{ m.bump("i_x", stride[1]) }}
{% endcall %}
{% endcall %}
