{# Resizes an image of pixels of `pixel` bytes, each from the nearest old one: `rows` and `columns` hold the byte offset
   of the old row for each new one, and the same of columns. An image has `image` bytes. lo..hi are rows of the results. #}
{% import "macros.wat" as m with context %}
{% import "int8_macros.wat" as q with context %}
(local.set $i_c (i32.add @c (i32.mul @lo #{{ width * pixel }})))
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_row (i32.load (i32.add @rows (i32.shl (i32.rem_u @i_u #{{ height }}) #2))))
(local.set $i_row (i32.add @i_row (i32.add @x (i32.mul (i32.div_u @i_u #{{ height }}) #{{ image }}))))
(local.set $i_k @columns)
{% call m.repeat("e", "#%d" % width) %}
{{ q.copy_bytes("@i_c", "(i32.add @i_row (i32.load @i_k))", pixel) }}
{{ m.bump("i_k", 4) }}
{{ m.bump("i_c", pixel) }}
{% endcall %}
{% endcall %}
