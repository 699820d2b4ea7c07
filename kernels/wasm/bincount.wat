{# Counts the integers below `size` in each of `rows` rows of `n`, into [rows][size] of `type` (f32 or i32), which is 0:
   each adds 1, or its weight with `weighted`; with `binary` it puts 1. A negative integer ends the run, and leaves the
   smallest of all. lo..hi is 0..1. #}
{% import "macros.wat" as m with context %}
{% set more = "(%s.load @i_w)" % type if weighted else "(%s.const 1)" % type %}
(local.set $i_p @x)
{% if weighted %}
(local.set $i_w @weights)
{% endif %}
(local.set $i_row @c)
{% call m.repeat("rows", "#%d" % rows) %}
{% call m.repeat("n", "#%d" % n) %}
(local.set $i_x (i32.load @i_p))
(if (i32.lt_u @i_x #{{ size }}) (then
(local.set $i_to (i32.add @i_row (i32.shl @i_x #2)))
({{ type }}.store @i_to {{ more if binary else "(%s.add (%s.load @i_to) %s)" % (type, type, more) }}))
(else (if (i32.lt_s @i_x #0) (then
(local.set $i_least @i_x)
(local.set $i_end (i32.add @x #{{ 4 * rows * n }}))
(loop $L_least
(local.set $i_x (i32.load @i_p))
(local.set $i_least (select @i_x @i_least (i32.lt_s @i_x @i_least)))
{{ m.bump("i_p", 4) }}
(br_if $L_least (i32.lt_u @i_p @i_end)))
{{ m.fault(check, "@i_least", 0) }}
))))
{{ m.bump("i_p", 4) }}
{% if weighted %}
{{ m.bump("i_w", 4) }}
{% endif %}
{% endcall %}
{{ m.bump("i_row", 4 * size) }}
{% endcall %}
