# Read by the entrypoint of the image when the administrator has a password: from here on the folder of the data is kept, whatever happens.
rm -f '/var/lib/mysql/first-start-unfinished'
