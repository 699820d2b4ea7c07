{# Coordinates [count][depth] to flat indices [count], along axes of `lengths` with `strides`. One that is out of range
   ends the run: of several the one that the reference names, which looks at an axis after the other. lo..hi is 0..1. #}
{% import "macros.wat" as m with context %}
{% for length in lengths %}
{% set axis = loop.index0 %}
(local.set $i_from (i32.add @indices #{{ 4 * axis }}))
(local.set $i_to @c)
{% call m.repeat("k", "#%d" % count) %}
(local.set $i_index (i32.load @i_from))
(if (i32.ge_u @i_index #{{ length }}) (then
{{ m.fault(check, "@i_index", length) }}
))
(local.set $i_flat (i32.mul @i_index #{{ strides[axis] }}))
(i32.store @i_to {{ "(i32.add (i32.load @i_to) @i_flat)" if axis else "@i_flat" }})
{{ m.bump("i_from", 4 * lengths | length) }}
{{ m.bump("i_to", 4) }}
{% endcall %}
{% endfor %}
